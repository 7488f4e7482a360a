import pytest
import torch

from LiverTumorSegLib.core import device_failure

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
    assert device_failure.is_device_failure(RuntimeError(words))
    assert not device_failure.is_out_of_memory(RuntimeError(words))
    assert device_failure.is_device_failure(torch.AcceleratorError("anything"))


HIDDEN = [
    "FIND was unable to find an engine to execute this computation",
    "GET was unable to find an engine to execute this computation",
    "Unable to find a valid cuDNN algorithm to run convolution",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
]


@pytest.mark.parametrize("words", HIDDEN)
def test_what_may_be_a_lack_of_memory_is_known_by_what_cudnn_and_cublas_make_of_it(words):
    error = RuntimeError(words)
    assert device_failure.may_be_out_of_memory(error)
    assert device_failure.is_device_failure(error)
    assert not device_failure.is_out_of_memory(error)


def test_memory_that_ran_out_may_be_what_it_is():
    assert device_failure.may_be_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not device_failure.may_be_out_of_memory(RuntimeError("CUDA error: unspecified launch failure"))


def test_an_operation_that_apples_gpu_lacks_counts_as_a_failure_of_it():
    words = "The operator 'aten::max_unpool2d' is not currently implemented for the MPS device. If you want this op"
    assert device_failure.is_device_failure(NotImplementedError(words))
    assert not device_failure.is_device_failure(NotImplementedError("Could not run 'aten::x' with the 'CPU' backend"))


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
    assert not device_failure.is_device_failure(error)
