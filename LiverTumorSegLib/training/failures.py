"""How the machine can fail a training, in words."""

from __future__ import annotations

import torch

from ..device import has_failed, is_out_of_memory, why_failed
from ..errors import UserError

_GO_ON = "go on from the last checkpoint with --resume"


def in_words(error: Exception, device: torch.device) -> Exception:
    """What a user can do about memory that ran out or a GPU that failed; any other error as it is.

    Args:
        error: that ended a training.
        device: it ran on.
    """
    if is_out_of_memory(error):
        return UserError(
            f"{device} ran out of memory while training: close other programs, or lower schedule.batch or crop."
        )
    return UserError(why_failed(device, error, _GO_ON)) if has_failed(error) else error
