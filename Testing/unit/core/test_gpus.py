import pytest
import torch
from support.fake_gpus import DEFERRED, FakeGpu, put_gpus

from LiverTumorSegLib.core import gpu_memory, gpus
from LiverTumorSegLib.core.device import Device, choose_device, describe_missing_gpu, list_devices
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.gpus import Gpu

TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12080). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)


def test_the_freest_gpu_is_found_without_using_any(monkeypatch):
    used = put_gpus(monkeypatch, FakeGpu("small", 2 * 10**9), FakeGpu("large", 40 * 10**9))
    assert list_devices()[:2] == [Device("cuda:1", "large", 40 * 10**9), Device("cuda:0", "small", 2 * 10**9)]
    assert describe_missing_gpu() == ""
    assert used == []


def test_auto_uses_the_chosen_gpu_alone(monkeypatch):
    used = put_gpus(monkeypatch, FakeGpu(free=2 * 10**9), FakeGpu(free=40 * 10**9))
    assert choose_device().device == torch.device("cuda:1")
    assert used == [1]


def test_where_the_driver_tells_nothing_the_first_gpu_is_chosen(monkeypatch):
    used = put_gpus(monkeypatch, FakeGpu(free=2 * 10**9, nvml=False), FakeGpu(free=40 * 10**9, nvml=False))
    assert choose_device().device == torch.device("cuda:0")
    assert [found.free_bytes for found in list_devices()] == [None, None, None]
    assert used == [0]


def test_a_gpu_that_does_not_answer_leaves_the_others_to_choose_from(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(free=4 * 10**9), FakeGpu(free=40 * 10**9, answers=False), FakeGpu(listed=False))
    placement = choose_device()
    assert (placement.device, placement.note) == (torch.device("cuda:0"), "")
    assert [found.name for found in list_devices()] == ["cuda:1", "cuda:0", "cpu"]


def test_capability_is_that_of_the_chosen_gpu(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(capability=(8, 6)), FakeGpu(capability=(7, 5)))
    assert choose_device("cuda:0").dtype is torch.bfloat16
    assert choose_device("cuda:1").dtype is torch.float16
    assert choose_device("cuda:1", "float32").dtype is torch.float32


def test_cards_that_the_build_has_no_code_for_are_left_out(monkeypatch):
    put_gpus(monkeypatch, FakeGpu("GTX 1080", 40 * 10**9, (6, 1)), FakeGpu("RTX 2080", 4 * 10**9, (7, 5)))
    assert choose_device().device == torch.device("cuda:1")
    assert [found.name for found in list_devices()] == ["cuda:1", "cpu"]
    with pytest.raises(UserError, match=r"GTX 1080 has compute capability 6\.1, and this PyTorch was built for sm_75"):
        choose_device("cuda:0")


def test_where_no_card_is_supported_the_cpu_is_taken_and_says_why(monkeypatch):
    put_gpus(monkeypatch, FakeGpu("GTX 1080", capability=(6, 1)))
    assert choose_device().device.type == "cpu"
    assert "GTX 1080 has compute capability 6.1" in choose_device().note
    assert "GTX 1080 has compute capability 6.1" in describe_missing_gpu()


@pytest.mark.parametrize(
    ("built", "capability", "runs"),
    [
        (["sm_80"], (8, 9), True),
        (["sm_86"], (8, 0), False),
        (["sm_80"], (9, 0), False),
        (["sm_80", "compute_80"], (12, 0), True),
        (["sm_90a"], (9, 0), True),
        (["sm_100a"], (10, 3), False),
        (["sm_120"], (12, 0), True),
        (["sm_100f"], (10, 3), True),
        ([], (5, 0), True),
    ],
)
def test_code_runs_within_its_generation(monkeypatch, built, capability, runs):
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built)
    assert Gpu(0, "a GPU", capability).is_supported is runs


def test_an_old_driver_is_quoted_and_not_taken_for_no_gpu(monkeypatch):
    def fail():
        raise RuntimeError(TOO_OLD)

    put_gpus(monkeypatch)
    monkeypatch.setattr(torch.cuda, "init", fail)
    expected = "no CUDA GPU can be used (The NVIDIA driver on your system is too old (found version 12080): update"
    assert expected in describe_missing_gpu()
    assert expected in choose_device().note
    assert choose_device("cpu").note == ""
    with pytest.raises(UserError, match="is too old .found version 12080.: update the driver.: use --device cpu"):
        choose_device("cuda:0")


def test_gpus_that_fail_at_the_first_use_of_any_are_no_traceback(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(deferred=True))
    assert choose_device().device.type == "cpu"
    assert list_devices() == [Device("cpu", "CPU")]
    assert "no GPU of this machine answers" in describe_missing_gpu()

    def fail(_):
        raise torch.cuda.DeferredCudaCallError(DEFERRED)

    put_gpus(monkeypatch, FakeGpu())
    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    assert "failed lazily at initialization" in choose_device().note
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", lambda: fail(0))
    assert "no CUDA GPU was found" in describe_missing_gpu()


def test_a_machine_without_a_gpu_says_so(monkeypatch):
    def fail():
        msg = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver"
        raise RuntimeError(msg)

    put_gpus(monkeypatch)
    monkeypatch.setattr(torch.cuda, "init", fail)
    assert describe_missing_gpu().startswith("Runs on the CPU, since no CUDA GPU was found:")
    assert choose_device().note == ""


class Nvml:
    """The three functions of NVIDIA's library that are called."""

    def __init__(self, free):
        self.free, self.asked = free, []

    def nvmlDeviceGetHandleByUUID(self, uuid, _handle):
        self.asked.append(uuid)
        return 0 if uuid == b"GPU-12-34" else 6

    def nvmlDeviceGetMemoryInfo(self, _handle, memory):
        memory._obj.free = self.free
        return 0


def test_free_memory_is_asked_of_the_driver_by_the_gpus_own_name(monkeypatch):
    library = Nvml(7 * 10**9)
    monkeypatch.setattr(gpu_memory, "_load_library", lambda: library)
    assert gpu_memory.ask_free_bytes("12-34") == 7 * 10**9
    assert gpu_memory.ask_free_bytes("other") is None
    assert library.asked == [b"GPU-12-34", b"GPU-other"]


def test_without_the_drivers_library_free_memory_is_not_known(monkeypatch):
    monkeypatch.setattr(gpu_memory, "_LIBRARY", "no-such-library.so")
    gpu_memory._load_library.cache_clear()
    assert gpu_memory.ask_free_bytes("12-34") is None
    gpu_memory._load_library.cache_clear()


def test_bfloat16_is_asked_of_the_capability(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(capability=(7, 5)), FakeGpu(capability=(9, 0)))
    assert [gpus.has_bfloat16(index) for index in (0, 1)] == [False, True]
