import pytest
import torch

from LiverTumorSegLib import device
from LiverTumorSegLib.errors import UserError


def test_the_cpu_can_always_be_had():
    placement = device.place("cpu")
    assert placement.device.type == "cpu"
    assert placement.dtype in (torch.bfloat16, torch.float32)
    assert str(placement).startswith("cpu, ")


def test_auto_takes_the_cpu_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.place().device.type == "cpu"


def test_an_unknown_device_is_refused():
    with pytest.raises(UserError, match="no device “tpu”: give auto, cpu, cuda:N or mps"):
        device.place("tpu")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_refused_with_what_to_use(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match="use --device cpu or auto"):
        device.place(name)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"the last of the 2 GPUs here is cuda:1"):
        device.place("cuda:2")
