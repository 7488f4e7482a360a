"""What PyTorch raises when a device runs out of memory or fails, told apart and put into words.

The texts are those of PyTorch 2.10 to 2.13. Where cuDNN gets no memory for a plan, PyTorch passes on to the next plan,
and at the last raises a sentence that does not mention memory: ``FIND was unable to find an engine to execute this
computation``, with ``GET`` where it does not measure plans, or ``Unable to find a valid cuDNN algorithm to run
convolution``. A GPU that a build has no code for, or a broken installation, has the same words.
"""

from __future__ import annotations

import torch

from .device_loss import mark_lost

_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_PERHAPS_MEMORY = (
    "unable to find an engine to execute this computation",
    "Unable to find a valid cuDNN algorithm",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
_FAILED = (
    "CUDA error",
    "CUDA driver error",
    "cuDNN error",
    "CUDNN_STATUS",
    "CUBLAS_STATUS",
    "HIP error",
    "NVML_SUCCESS",
    "not currently implemented for the MPS device",
    *_PERHAPS_MEMORY,
)
_ABSENT = ("No CUDA GPUs are available", "CUDA driver initialization failed", "cudaGetDeviceCount()")


def is_out_of_memory(error: Exception) -> bool:
    """True for what CUDA, Apple's GPUs, PyTorch's CPU allocator and Python raise when memory runs out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _MEMORY)


def may_be_out_of_memory(error: Exception) -> bool:
    """True also for what cuDNN and cuBLAS make of a lack of memory, which a broken GPU may say as well.

    While less can be asked of the GPU, it means memory; where nothing less can be asked, a failure of the device.
    """
    hidden = isinstance(error, RuntimeError) and any(part in str(error) for part in _PERHAPS_MEMORY)
    return hidden or is_out_of_memory(error)


def is_device_failure(error: Exception) -> bool:
    """True for what PyTorch raises when a GPU is not there any more, stops working or lacks an operation.

    Newer versions have ``AcceleratorError``; older ones, and the libraries below PyTorch, raise ``RuntimeError`` with
    their name in it. Most such errors end the use of the GPU for the process, and nothing on it can be read any more.
    """
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    kind = getattr(torch, "AcceleratorError", ())
    return isinstance(error, kind) or any(part in str(error) for part in (*_FAILED, *_ABSENT))


def describe_failure(device: torch.device | str, error: Exception, instead: str) -> str:
    """A sentence on a GPU that failed.

    Args:
        device: that failed.
        error: PyTorch's, of which the first line is shown.
        instead: what is done, or to be done, about it.
    """
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{device} stopped working ({reason.rstrip('.')}): {instead}."


def note_failure(device: torch.device) -> None:
    """Find out whether a GPU that failed answers this process at all, and remember where it does not."""
    if device.type != "cuda":
        return
    try:
        torch.cuda.synchronize(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            mark_lost(str(device))
