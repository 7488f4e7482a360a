import pytest
import torch
from support.fake_gpus import FakeGpu, put_gpus

from LiverTumorSegLib.core import device, device_loss
from LiverTumorSegLib.core.device_failure import note_failure
from LiverTumorSegLib.core.errors import UserError


def test_the_cpu_can_always_be_had():
    placement = device.choose_device("cpu")
    assert placement.device.type == "cpu"
    assert placement.dtype in (torch.bfloat16, torch.float32)
    assert str(placement).startswith("cpu, ")


def test_auto_takes_the_cpu_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.choose_device().device.type == "cpu"


def test_an_unknown_device_is_refused():
    with pytest.raises(UserError, match="no device “tpu”: give auto, cpu, gpu, cuda:N or mps"):
        device.choose_device("tpu")


@pytest.mark.parametrize("name", ["gpu", "gpu:0", "cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_refused_with_what_to_use(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match="use --device cpu or auto"):
        device.choose_device(name)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(), FakeGpu())
    with pytest.raises(UserError, match=r"the last of the 2 GPUs here is cuda:1"):
        device.choose_device("cuda:2")


def test_gpu_is_the_freest_gpu_and_a_number_names_one(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(free=10**9), FakeGpu(free=8 * 10**9))
    assert str(device.choose_device("gpu").device) == str(device.choose_device("auto").device) == "cuda:1"
    assert str(device.choose_device("gpu:0").device) == "cuda:0"


def test_a_gpu_that_does_not_answer_is_no_reason_to_take_the_cpu_unasked(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(answers=False))
    with pytest.raises(UserError, match=r"^cuda:0 stopped working \(.*\): use --device cpu or auto\.$"):
        device.choose_device("gpu")


def test_the_cpu_is_always_listed_and_last():
    assert device.list_devices()[-1] == device.Device("cpu", "CPU")


def test_why_auto_takes_the_cpu_is_said(monkeypatch):
    put_gpus(monkeypatch)
    assert device.describe_missing_gpu().startswith("Runs on the CPU, since no CUDA GPU was found")


def test_the_precision_can_be_chosen():
    assert device.choose_device("cpu", "float32").dtype is torch.float32
    assert device.choose_device("cpu", "bfloat16").dtype is torch.bfloat16
    with pytest.raises(UserError, match="no precision “int8”: give auto, float32"):
        device.choose_device("cpu", "int8")


@pytest.fixture
def _mute_gpu(monkeypatch):
    """A GPU that is there but does not answer, as the functions of PyTorch say it that the choice asks."""
    put_gpus(monkeypatch, FakeGpu(answers=False))


@pytest.mark.usefixtures("_mute_gpu")
def test_auto_takes_the_cpu_with_a_note_where_the_gpu_does_not_answer():
    placement = device.choose_device()
    assert placement.device.type == "cpu"
    assert placement.note == (
        "The GPU stopped working (CUDA error: all CUDA-capable devices are busy or unavailable): running on the CPU."
    )


def test_a_gpu_that_does_not_even_tell_its_name_is_not_listed(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(listed=False))
    assert "no GPU of this machine answers" in device.describe_missing_gpu()
    assert device.list_devices() == [device.Device("cpu", "CPU")]


@pytest.mark.usefixtures("_mute_gpu")
def test_a_gpu_asked_for_that_does_not_answer_is_one_sentence():
    with pytest.raises(UserError, match=r"^cuda:0 stopped working \(CUDA error: .*\): use --device cpu or auto\.$"):
        device.choose_device("cuda:0")


def test_the_cpu_takes_over_the_wanted_precision_with_a_batch_of_its_own(monkeypatch):
    put_gpus(monkeypatch, FakeGpu())
    chosen = device.choose_device("cuda:0", "float32")
    assert (chosen.on_cpu().dtype, chosen.on_cpu().batch) == (torch.float32, device.cpu_placement().batch)
    assert device.choose_device("cuda:0").on_cpu() == device.cpu_placement()


def test_the_cpu_is_its_own_last_resort_in_any_precision():
    assert device.choose_device("cpu", "float32").is_last_resort
    assert device.cpu_placement("It is the CPU.").is_last_resort
    assert not device.DevicePlacement(torch.device("meta"), torch.float32, 3).is_last_resort


@pytest.mark.parametrize(
    ("before", "then", "lost"),
    [
        (True, {"answers": False}, True),
        (False, {"answers": False}, False),
        (True, {"full": True}, False),
    ],
)
def test_a_gpu_that_answered_and_does_not_any_more_is_lost(monkeypatch, before, then, lost):
    gpu = FakeGpu()
    put_gpus(monkeypatch, gpu)
    if before:
        assert device.choose_device().device.type == "cuda"
    for name, value in then.items():
        setattr(gpu, name, value)
    try:
        assert device.choose_device().device.type == "cpu"
        assert device_loss.has_lost_device() is lost
    finally:
        device_loss.forget_losses()


@pytest.mark.parametrize("before", [True, False])
def test_a_gpu_by_name_is_told_apart_where_another_process_may_still_have_it(monkeypatch, before):
    gpu = FakeGpu()
    put_gpus(monkeypatch, gpu)
    if before:
        device.choose_device("cuda:0")
    gpu.answers = False
    try:
        with pytest.raises(UserError, match=r"cuda:0 stopped working \(.*\): use --device cpu or auto\.") as raised:
            device.choose_device("cuda:0")
        assert isinstance(raised.value, device.LostDevice) is before
    finally:
        device_loss.forget_losses()


def test_a_gpu_that_has_no_memory_to_say_so_is_not_lost(monkeypatch):
    def synchronize(_):
        msg = "CUDA error: out of memory"
        raise torch.AcceleratorError(msg)

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    note_failure(torch.device("cuda:0"))
    assert not device_loss.has_lost_device()
