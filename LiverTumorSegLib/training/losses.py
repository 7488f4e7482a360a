"""Losses by name with their options, of slices and volumes, for heads of one channel (sigmoid) and of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, Union

import numpy as np
import torch
from monai.losses import DiceCELoss, DiceLoss, FocalLoss, TverskyLoss
from pydantic import Field, field_validator
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.schema import NAME_OR_OPTIONS, StrictModel


def median_frequency(labels: Iterable[torch.Tensor], classes: int) -> tuple[float, ...]:
    """Weight of each class: the median of the classes' frequencies, divided by its own.

    A class's frequency is its share of the pixels of those slices where it occurs (Eigen and Fergus 2015, Predicting
    depth, surface normals and semantic labels, section 6.3.2; Badrinarayanan et al. 2017, SegNet, section 3).

    Args:
        labels: integers ``[slice, row, column]``, one tensor a patient.
        classes: how many; labels go from 0 to one less.

    Raises:
        UserError: a class occurs nowhere.
    """
    own, around = np.zeros(classes), np.zeros(classes)
    for patient in labels:
        for value in range(classes):
            counts = (patient == value).flatten(1).sum(dim=1)
            own[value] += int(counts.sum())
            around[value] += int((counts > 0).sum()) * patient[0].numel()
    if not own.all():
        msg = f"No training slice shows label {int(own.argmin())}: median-frequency weights need all {classes} classes."
        raise UserError(msg)
    frequencies = own / around
    return tuple(float(weight) for weight in np.median(frequencies) / frequencies)


def over_levels(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    logits: torch.Tensor | list[torch.Tensor],
    labels: torch.Tensor,
) -> torch.Tensor:
    """Apply a loss to logits, or to the list of a network with deep supervision: the mean, weighted by 1, 1/2, 1/4 ....

    Each level weighs half of the finer one, and all weigh 1 together (Isensee et al. 2021, nnU-Net, Methods). Labels
    are cut to the middle where the logits lack a border, as those of unpadded networks do (Ronneberger et al. 2015,
    U-Net, figure 1), and resampled by nearest neighbour for coarser levels.

    Args:
        loss: takes float32 logits ``[batch, classes, *size]`` and labels ``[batch, *size]``.
        logits: ``[batch, classes, *size]``, the finest first.
        labels: integers ``[batch, *size]``, at least as large as the finest logits.
    """
    levels = logits if isinstance(logits, list) else [logits]
    inner = _middle(labels, levels[0].shape[2:])
    weights = [0.5**level for level in range(len(levels))]
    losses = torch.stack([loss(level.float(), _resized(inner, level.shape[2:])) for level in levels])
    return (losses * losses.new_tensor(weights)).sum() / sum(weights)


def _middle(labels: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(size, start=1):
        labels = labels.narrow(axis, (labels.shape[axis] - count) // 2, count)
    return labels


def _resized(labels: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if labels.shape[1:] == torch.Size(size):
        return labels
    return F.interpolate(labels[:, None].float(), size=tuple(size), mode="nearest-exact")[:, 0].to(labels.dtype)


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
    organ = _soft_dice_loss(log_organ.exp(), (labels > 0).float())
    lesion = _soft_dice_loss(log_p[:, 2].exp() * apart, (labels == 2).float() * apart)
    return entropy + organ + lesion


def _soft_dice_loss(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    overlap = (probability * target).sum()
    return 1 - (2 * overlap + 1) / (probability.sum() + target.sum() + 1)


Weight = Annotated[float, Field(ge=0)]


class _Loss(StrictModel):
    """A loss is called with logits, labels and whose labels tell lesions from liver.

    Logits are float32 ``[batch, classes, *size]``, where a single channel is a sigmoid's; labels are integers
    ``[batch, *size]`` below the number of classes, or 0 and 1 for a sigmoid; the last is bool ``[batch]``.
    """

    @property
    def joins_samples(self) -> bool:
        """Whether the loss of a batch is other than the mean of its samples' losses."""
        return False

    def check_parts(self, batch: int, micro_batch: int | None) -> None:
        """Raise ``ValueError`` where a batch in parts would have other gradients than the whole."""
        if self.joins_samples and micro_batch and micro_batch < batch:
            name = getattr(self, "name", "")
            msg = (
                f"the loss “{name}” joins the samples of a batch, whose parts then have other gradients: leave "
                "schedule.micro_batch out, or take one that is a mean over samples, such as cross_entropy without "
                "weights, focal, or {name: dice_ce, over_batch: false}"
            )
            raise ValueError(msg)


class PartialLabel(_Loss):
    """Cross-entropy and Dice, for three classes, where some labels say only “liver or lesion”."""

    name: Literal["partial_label"] = "partial_label"

    @property
    def joins_samples(self) -> bool:
        return True

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, lesions_apart: torch.Tensor) -> torch.Tensor:
        return partial_label_loss(logits, labels, lesions_apart)


class CrossEntropy(_Loss):
    """Cross-entropy, the mean over pixels; with weights, their weighted mean.

    Args:
        weights: of the classes, two for a sigmoid's background and foreground; or ``median_frequency``, which
            :meth:`fitted` replaces by numbers.
    """

    name: Literal["cross_entropy"] = "cross_entropy"
    weights: Annotated[tuple[float, ...], Field(min_length=2)] | Literal["median_frequency"] | None = None

    @property
    def joins_samples(self) -> bool:
        return self.weights is not None  # which make it a mean over weights

    @field_validator("weights")
    @classmethod
    def _are_positive(cls, weights: Any) -> Any:
        """A batch that shows only classes of weight 0 would have a mean of 0 / 0."""
        if isinstance(weights, tuple) and min(weights) <= 0:
            msg = f"a class's weight must be larger than 0, not {min(weights):g}"
            raise ValueError(msg)
        return weights

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, _apart: torch.Tensor) -> torch.Tensor:
        if self.weights == "median_frequency":
            msg = "median-frequency weights have to be fitted to the training labels first"
            raise ValueError(msg)
        if logits.shape[1] == 1:  # a sigmoid is the softmax of this logit and of 0 for the background
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        weights = None if self.weights is None else logits.new_tensor(self.weights)
        return F.cross_entropy(logits, labels.long(), weight=weights)

    def check_weights(self, classes: int) -> None:
        """Raise ``ValueError`` where the weights are not those of so many channels of logits."""
        wanted = max(2, classes)
        if isinstance(self.weights, tuple) and len(self.weights) != wanted:
            msg = f"{classes} channels of logits need {wanted} weights in the loss, not {len(self.weights)}"
            raise ValueError(msg)

    def fitted(self, labels: Iterable[torch.Tensor], classes: int) -> CrossEntropy:
        """The same with numbers for ``median_frequency``, from training labels ``[slice, row, column]`` a patient.

        Raises:
            UserError: a class occurs nowhere.
        """
        if self.weights != "median_frequency":
            return self
        return self.model_copy(update={"weights": median_frequency(labels, max(2, classes))})


class RegionLoss(_Loss):
    """Common base of the losses of regions.

    Args:
        background: whether the background is a class like the others; a sigmoid has none.
        over_batch: whether the samples of a batch are one region, so that a class that a slice lacks is not lost there
            altogether; most slices have no lesion.
    """

    background: bool = True
    over_batch: bool = True

    @property
    def joins_samples(self) -> bool:
        return self.over_batch

    def _options(self, logits: torch.Tensor) -> dict[str, Any]:
        several = logits.shape[1] > 1
        return {
            "sigmoid": not several,
            "softmax": several,
            "to_onehot_y": several,
            "include_background": self.background or not several,
            "batch": self.over_batch,
        }


class Dice(RegionLoss):
    """Soft Dice (Milletari et al. 2016, V-Net, section 3), with probabilities not squared; MONAI's."""

    name: Literal["dice"] = "dice"

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, _apart: torch.Tensor) -> torch.Tensor:
        return DiceLoss(**self._options(logits))(logits, labels[:, None])


class DiceCE(RegionLoss):
    """Soft Dice and cross-entropy, added (Isensee et al. 2021, nnU-Net, Methods); MONAI's.

    Args:
        background: see :class:`RegionLoss`.
        over_batch: see :class:`RegionLoss`.
        dice: weight of Dice.
        cross_entropy: weight of the cross-entropy.
    """

    name: Literal["dice_ce"] = "dice_ce"
    dice: Weight = 1.0
    cross_entropy: Weight = 1.0

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, _apart: torch.Tensor) -> torch.Tensor:
        loss = DiceCELoss(**self._options(logits), lambda_dice=self.dice, lambda_ce=self.cross_entropy)
        return loss(logits, labels[:, None])


class Focal(_Loss):
    """Focal loss (Lin et al. 2017, Focal loss for dense object detection, section 3), the mean over pixels; MONAI's.

    Args:
        gamma: how much less pixels count that are right already; 0 is cross-entropy.
        alpha: weight of the foreground, 1 less it that of the background; None weighs both 1.
    """

    name: Literal["focal"] = "focal"
    gamma: Weight = 2.0
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, _apart: torch.Tensor) -> torch.Tensor:
        several = logits.shape[1] > 1
        loss = FocalLoss(gamma=self.gamma, alpha=self.alpha, use_softmax=several, to_onehot_y=several, reduction="none")
        by_class: torch.Tensor = loss(logits, labels[:, None])
        return by_class.sum(dim=1).mean()  # MONAI's own mean divides by the classes too


class Tversky(RegionLoss):
    """Tversky loss (Salehi et al. 2017, Tversky loss function for image segmentation, section 2); MONAI's.

    Args:
        background: see :class:`RegionLoss`.
        over_batch: see :class:`RegionLoss`.
        alpha: weight of false positives; 0.3 and 0.7 did best in the paper (table 1).
        beta: weight of false negatives.
    """

    name: Literal["tversky"] = "tversky"
    alpha: Weight = 0.3
    beta: Weight = 0.7

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, _apart: torch.Tensor) -> torch.Tensor:
        return TverskyLoss(**self._options(logits), alpha=self.alpha, beta=self.beta)(logits, labels[:, None])


AnyLoss = Annotated[Union[PartialLabel, CrossEntropy, Dice, DiceCE, Focal, Tversky], Field(discriminator="name")]
NamedLoss = Annotated[AnyLoss, NAME_OR_OPTIONS]
