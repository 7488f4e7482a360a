import os

import pytest
import torch

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.experiments.reproduction import rows


def test_the_machine_is_named_by_what_it_computes_with_and_not_by_its_own_name():
    assert rows.describe_machine("cpu").startswith(f"CPU, {os.cpu_count()} cores, ")


def test_of_several_gpus_the_chosen_one_is_named(monkeypatch):
    second = DevicePlacement(torch.device("cuda:1"), torch.float32, 8)
    monkeypatch.setattr(rows, "choose_device", lambda name, _: second if name == "cuda:1" else None)
    monkeypatch.setattr(torch.cuda, "get_device_name", {torch.device("cuda:1"): "Second"}.__getitem__)
    assert rows.describe_machine("cuda:1").startswith("Second, ")
