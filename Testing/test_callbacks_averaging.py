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
    expected = None
    for step, weight in enumerate((8.0, 4.0, 0.0), start=1):
        module.network.weight.data.fill_(weight)
        averaging.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
        expected = weight if expected is None else 0.75 * expected + 0.25 * weight
    assert averaging.network.weight.item() == pytest.approx(expected)
