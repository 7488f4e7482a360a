import logging
import warnings

import pytest
import torch

from LiverTumorSegLib.training.trainer import deterministic_torch, silence_lightning


def test_lightning_is_quiet_within_and_as_before_afterwards(caplog):
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    with caplog.at_level(logging.INFO, "lightning.pytorch"):
        with silence_lightning():
            logger.warning("GPU available: False")
        logger.warning("heard again")
    assert caplog.messages == ["heard again"]


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
