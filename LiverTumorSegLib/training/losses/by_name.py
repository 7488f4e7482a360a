"""The losses that a recipe can name, with their options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union

import torch
from monai.losses import DiceCELoss, DiceLoss, FocalLoss, TverskyLoss
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch.nn import functional as F

from ..named import NAME_OR_OPTIONS
from .class_weights import median_frequency
from .partial_label import partial_label_loss

Weight = Annotated[float, Field(ge=0)]


class _Loss(BaseModel):
    """A loss is called with logits, labels and whose labels tell lesions from liver.

    Logits are float32 ``[batch, classes, *size]``, where a single channel is a sigmoid's; labels are integers
    ``[batch, *size]`` below the number of classes, or 0 and 1 for a sigmoid; the last is bool ``[batch]``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PartialLabel(_Loss):
    """Cross-entropy and Dice, for three classes, where some labels say only “liver or lesion”."""

    name: Literal["partial_label"] = "partial_label"

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
    """What losses of regions have in common.

    Args:
        background: whether the background is a class like the others; a sigmoid has none.
        over_batch: whether the samples of a batch are one region, so that a class that a slice lacks is not lost there
            altogether; most slices have no lesion.
    """

    background: bool = True
    over_batch: bool = True

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
