from types import SimpleNamespace

import pytest
import torch
from support.counted_operations import Counting

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import lightning.pytorch as lightning

from LiverTumorSegLib.training.averaging import Averaging


def trainer_on(place):
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(place)))


def test_the_network_is_the_moving_average_of_the_steps():
    module = lightning.LightningModule()
    module.network = torch.nn.Linear(1, 1, bias=False)
    averaging = Averaging(decay=0.75)
    averaging.setup(trainer_on("cpu"), module, "fit")
    seen = (8.0, 4.0, 0.0, 3.0)
    for step, weight in enumerate(seen, start=1):
        module.network.weight.data.fill_(weight)
        averaging.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
    shares = [0.75**ago for ago in (3, 2, 1, 0)]
    expected = sum(share * weight for share, weight in zip(shares, seen, strict=True)) / sum(shares)
    assert averaging.network.weight.item() == pytest.approx(expected)


def test_weights_are_averaged_one_by_one_as_together_and_counts_are_cut_off():
    torch.manual_seed(0)
    module = lightning.LightningModule()
    module.network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    averaging = Averaging(decay=0.9)
    averaging.setup(trainer_on("cpu"), module, "fit")
    expected = {name: values.clone() for name, values in module.network.state_dict().items()}
    for step in range(1, 6):
        for values in module.network.state_dict().values():
            values.copy_(values + (torch.randn(values.shape) if values.is_floating_point() else step))
        averaging.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
        share = 1 if step == 1 else (1 - 0.9) / (1 - 0.9**step)
        for name, values in module.network.state_dict().items():
            expected[name].copy_(values if step == 1 else expected[name] + (values - expected[name]) * share)
    for name, values in averaging.network.state_dict().items():
        assert torch.equal(values, expected[name])


def test_steps_are_counted_without_asking_or_telling_the_device():
    """On the meta device tensors have no numbers, so that whatever asks for one fails."""
    module = lightning.LightningModule()
    module.network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    averaging = Averaging(decay=0.9)
    averaging.setup(trainer_on("meta"), module, "fit")  # before Lightning brings the module there
    module.to("meta")
    for step in (1, 2):
        with Counting() as counting:
            averaging.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
        assert counting.seen["upload"] == 0
    assert int(averaging._average_model.n_averaged) == 2
    assert averaging.network[0].weight.device.type == "meta"
