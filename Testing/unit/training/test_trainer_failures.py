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
        raise explain_failure(error, GPU)


def test_any_other_error_stays_as_it_is():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert explain_failure(error, GPU) is error
