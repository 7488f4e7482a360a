"""CUDA GPUs as PyTorch tells of them, where there are none: what is asked before anything is computed."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch

from LiverTumorSegLib.core import device, gpus

SILENT = "CUDA error: all CUDA-capable devices are busy or unavailable\nCompile with"
FULL = "CUDA error: out of memory\nCompile with"
DEFERRED = "CUDA call failed lazily at initialization with error: device >= 0 && device < num_gpus INTERNAL ASSERT"


@dataclass
class FakeGpu:
    """A GPU: its free bytes, what its driver tells of them, and whether it answers once it is used.

    ``deferred`` is how PyTorch fails at the first use of any GPU; one that is ``full`` has no memory for an answer.
    """

    title: str = "GPU"
    free: int = 8 * 10**9
    capability: tuple[int, int] = (8, 6)
    nvml: bool = True
    answers: bool = True
    listed: bool = True
    deferred: bool = False
    full: bool = False

    def tell(self):
        """Fail where it does not even tell its properties."""
        if self.deferred:
            raise torch.cuda.DeferredCudaCallError(DEFERRED)
        if not self.listed:
            raise torch.AcceleratorError(SILENT)

    def work(self):
        """Fail where it does not answer once it is used."""
        if self.full:
            raise torch.AcceleratorError(FULL)
        if not self.answers:
            raise torch.AcceleratorError(SILENT)


def put_gpus(monkeypatch, *there, built_for=("sm_75", "sm_80", "sm_86", "sm_90")):
    """Have PyTorch tell of these; returns the indices of those that were used, which costs memory on a real one."""
    used = []

    def properties(index):
        gpu = there[_number(index)]
        gpu.tell()
        major, minor = gpu.capability
        return SimpleNamespace(name=gpu.title, major=major, minor=minor, uuid=f"uuid-{_number(index)}")

    def memory(index=None):
        used.append(_number(index))
        there[_number(index)].work()
        return there[_number(index)].free, 80 * 10**9

    def asked(uuid):
        gpu = there[int(uuid.removeprefix("uuid-"))]
        return gpu.free if gpu.nvml else None

    monkeypatch.setattr(device, "_ANSWERED", set())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda index=None: there[_number(index)].work())
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(there))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(there))
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=None: properties(index).name)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: there[_number(index)].capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(built_for))
    monkeypatch.setattr(torch.cuda, "mem_get_info", memory)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(gpus, "ask_free_bytes", asked)
    return used


def _number(index):
    return (index.index or 0) if isinstance(index, torch.device) else int(index or 0)
