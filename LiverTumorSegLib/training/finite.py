"""What becomes of a training whose weights are no numbers."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import UserError


def check_finite(network: nn.Module, learning_rate: float) -> None:
    """Raise :class:`UserError` where a weight is not a finite number."""
    if not all(torch.isfinite(values).all() for values in network.state_dict().values()):
        msg = (
            "Training diverged and no model was saved, since the network's weights are not finite numbers: try a "
            f"smaller schedule.learning_rate than {learning_rate:g}."
        )
        raise UserError(msg)
