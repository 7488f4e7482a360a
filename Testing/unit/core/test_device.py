import pytest
import torch

from LiverTumorSegLib.core import device
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
    with pytest.raises(UserError, match="no device “tpu”: give auto, cpu, cuda:N or mps"):
        device.choose_device("tpu")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_refused_with_what_to_use(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match="use --device cpu or auto"):
        device.choose_device(name)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"the last of the 2 GPUs here is cuda:1"):
        device.choose_device("cuda:2")


def test_the_cpu_is_always_listed_and_last():
    assert device.list_devices()[-1] == device.Device("cpu", "CPU")


def test_gpus_are_listed_with_free_memory_the_freest_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: ((index + 1) * 10**9, 4 * 10**9))
    assert device.list_devices()[:2] == [
        device.Device("cuda:1", "GPU 1", 2 * 10**9),
        device.Device("cuda:0", "GPU 0", 10**9),
    ]
    assert device.describe_missing_gpu() == ""


def test_why_auto_takes_the_cpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert device.describe_missing_gpu().startswith("Runs on the CPU, since no CUDA GPU was found")


def test_the_precision_can_be_chosen():
    assert device.choose_device("cpu", "float32").dtype is torch.float32
    assert device.choose_device("cpu", "bfloat16").dtype is torch.bfloat16
    with pytest.raises(UserError, match="no precision “int8”: give auto, float32"):
        device.choose_device("cpu", "int8")


FAILURES = [
    "CUDA error: unspecified launch failure",
    "CUDA error: device-side assert triggered",
    "CUDA error: no CUDA-capable device is detected",
    "CUDA error: the launch timed out and was terminated",
    "CUDA error: all CUDA-capable devices are busy or unavailable",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    "No CUDA GPUs are available",
    "CUDA driver initialization failed, you might not have a CUDA gpu.",
]


@pytest.mark.parametrize("words", FAILURES)
def test_a_gpu_that_fails_is_known_by_what_pytorch_says(words):
    assert device.is_device_failure(RuntimeError(words))
    assert not device.is_out_of_memory(RuntimeError(words))
    assert device.is_device_failure(torch.AcceleratorError("anything"))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"),
        ValueError("CUDA error: unspecified launch failure"),
    ],
)
def test_what_is_no_failure_of_the_gpu(error):
    assert not device.is_device_failure(error)


@pytest.fixture
def _mute_gpu(monkeypatch):
    """A GPU that is there but does not answer, as the functions of PyTorch say it that the choice asks."""

    def fail(*_, **__):
        msg = "CUDA error: all CUDA-capable devices are busy or unavailable\nCompile with"
        raise torch.AcceleratorError(msg)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", fail)


@pytest.mark.usefixtures("_mute_gpu")
def test_auto_takes_the_cpu_with_a_note_where_the_gpu_does_not_answer():
    placement = device.choose_device()
    assert placement.device.type == "cpu"
    assert placement.note == (
        "The GPU stopped working (CUDA error: all CUDA-capable devices are busy or unavailable): running on the CPU."
    )
    assert "the CPU is used" in device.describe_missing_gpu()
    assert device.list_devices() == [device.Device("cpu", "CPU")]


@pytest.mark.usefixtures("_mute_gpu")
def test_a_gpu_asked_for_that_does_not_answer_is_one_sentence():
    with pytest.raises(UserError, match=r"^cuda:0 stopped working \(CUDA error: .*\): use --device cpu or auto\.$"):
        device.choose_device("cuda:0")
