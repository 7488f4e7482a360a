from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import lightning.pytorch as lightning

from LiverTumorSegLib.training.callbacks.averaging import Averaging


def test_the_network_is_the_moving_average_of_the_steps():
    module = lightning.LightningModule()
    module.network = torch.nn.Linear(1, 1, bias=False)
    averaging = Averaging(decay=0.75)
    averaging.setup(None, module, "fit")
    seen = (8.0, 4.0, 0.0, 3.0)
    for step, weight in enumerate(seen, start=1):
        module.network.weight.data.fill_(weight)
        averaging.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
    shares = [0.75**ago for ago in (3, 2, 1, 0)]
    expected = sum(share * weight for share, weight in zip(shares, seen, strict=True)) / sum(shares)
    assert averaging.network.weight.item() == pytest.approx(expected)
