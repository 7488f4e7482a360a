"""Cross-entropy and Dice for labels of which some say only “liver or lesion”."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def partial_label_loss(logits: torch.Tensor, labels: torch.Tensor, lesions_apart: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus Dice of the liver with its lesions plus Dice of the lesions, over the batch.

    Where ``lesions_apart`` is False, label 1 means “liver or lesion”: the cross-entropy then asks for the sum of
    both probabilities (marginal loss; Shi et al. 2021, Marginal loss and exclusion loss for partially supervised
    multi-organ segmentation, section 3.2) and the lesion Dice leaves the sample out.

    Args:
        logits: ``[batch, 3, *size]``.
        labels: integer ``[batch, *size]``: 0 background, 1 liver, 2 lesion.
        lesions_apart: bool ``[batch]``.
    """
    log_p = F.log_softmax(logits.float(), dim=1)
    log_organ = torch.logsumexp(log_p[:, 1:], dim=1)
    labels = labels.long()
    exact = F.nll_loss(log_p, labels, reduction="none")
    joined = -torch.where(labels > 0, log_organ, log_p[:, 0])
    apart = lesions_apart.reshape(-1, *[1] * (labels.ndim - 1))
    entropy = torch.where(apart, exact, joined).mean()
    organ = _dice_loss(log_organ.exp(), (labels > 0).float())
    lesion = _dice_loss(log_p[:, 2].exp() * apart, (labels == 2).float() * apart)
    return entropy + organ + lesion


def _dice_loss(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    overlap = (probability * target).sum()
    return 1 - (2 * overlap + 1) / (probability.sum() + target.sum() + 1)
