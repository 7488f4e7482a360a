import warnings

import pytest
import torch

from LiverTumorSegLib.core.arithmetic import deterministic_torch, whole_float32


def test_pytorch_repeats_itself_within_and_is_as_before_afterwards():
    with pytest.raises(ZeroDivisionError), deterministic_torch():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        raise ZeroDivisionError
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_pytorch_cannot_repeat_is_no_warning_to_the_user():
    pooled, at = torch.nn.functional.max_pool2d(torch.rand(1, 1, 4, 4), 2, return_indices=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with deterministic_torch():
            torch.nn.functional.max_unpool2d(pooled, at, 2)


def test_convolutions_are_not_rounded_within_and_are_as_before_afterwards():
    before = torch.backends.cudnn.conv.fp32_precision
    with pytest.raises(ZeroDivisionError), whole_float32():
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        raise ZeroDivisionError
    assert torch.backends.cudnn.conv.fp32_precision == before == "tf32"
    assert torch.backends.cudnn.allow_tf32  # the older question has an answer again
