"""Free memory of NVIDIA's GPUs, asked of their driver.

PyTorch's own question makes a context on the GPU, which keeps some hundred megabytes of it for as long as the process
lives. NVML, the library that comes with every driver and that ``nvidia-smi`` shows, is asked without one: NVIDIA, NVML
API Reference, ``nvmlDeviceGetMemoryInfo``.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
_DONE = 0


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def ask_free_bytes(uuid: str) -> int | None:
    """Bytes that are free on a GPU; None where there is no NVML, or it does not know or tell.

    Args:
        uuid: of the GPU, as PyTorch and NVML both have it; numbers differ between the two.
    """
    library = _load_library()
    if library is None:
        return None
    handle, memory = ctypes.c_void_p(), _Memory()
    name = (uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}").encode()
    if library.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)) != _DONE:
        return None
    if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != _DONE:
        return None
    return int(memory.free)


@cache
def _load_library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(_LIBRARY)
        started = library.nvmlInit_v2()
    except (OSError, AttributeError):  # no driver of NVIDIA's, or one from before 2014
        return None
    return library if started == _DONE else None
