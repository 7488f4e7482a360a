import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training.trainer import explain_failure

GPU = torch.device("cuda:0")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "cuda:0 ran out of memory while training: .* schedule.batch"),
        (MemoryError(), "ran out of memory"),
        (RuntimeError("GET was unable to find an engine to execute this computation"), "ran out of memory"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "cuda:0 stopped working .* with --resume"),
    ],
)
def test_a_machine_that_fails_is_one_sentence(error, words):
    with pytest.raises(UserError, match=words):
        raise explain_failure(error, GPU, 2)


@pytest.mark.parametrize(
    "words", ["GET was unable to find an engine to execute this computation", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"]
)
def test_at_a_batch_of_one_what_may_be_memory_is_told_in_pytorchs_words(words):
    with pytest.raises(UserError, match=f"cuda:0 stopped working .{words}.: go on"):
        raise explain_failure(RuntimeError(words), GPU, 1)
    with pytest.raises(UserError, match="ran out of memory"):
        raise explain_failure(torch.OutOfMemoryError("CUDA out of memory."), GPU, 1)


def test_any_other_error_stays_as_it_is():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert explain_failure(error, GPU, 1) is error
