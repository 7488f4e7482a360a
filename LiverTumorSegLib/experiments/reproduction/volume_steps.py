"""The steps between a network's answer and the labels of a whole CT: those that ran, and those that did not, in words.

Users' segmentations begin with a coarse pass and end with a clean-up. A paper's figures have neither unless it says so,
and figures that are to stand beside them have what the paper has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.schema import StrictModel
from ...postprocessing.options import OPTIONS, CleanUpOption
from ...postprocessing.settings import NO_CLEAN_UP, Postprocessing
from ...training.recipe import Recipe
from ..trial import Measuring
from .systems import Metric

_CHANGING = tuple(option for option in OPTIONS if option.name in NO_CLEAN_UP.model_fields_set)
"""Options that change labels."""


class VolumeSteps(StrictModel):
    """The steps with which a row's whole CTs were segmented.

    Args:
        measuring: coarse pass, and what was measured of the same segmentation.
        clean_up: of the labels.
        smoothing: standard deviation in pixels of the Gaussian after the network, 0 for none.
    """

    measuring: Measuring
    clean_up: Postprocessing
    smoothing: float = 0.0


def steps_of(recipe: Recipe, metrics: Sequence[Metric]) -> VolumeSteps:
    """Every slice, the recipe's Gaussian and clean-up alone, and the probabilities where the table measures them."""
    curves = dict.fromkeys(metric.structure for metric in metrics if metric.volumes == "auc")
    return VolumeSteps(
        measuring=Measuring(coarse_pass=False, curves=tuple(curves)),
        clean_up=recipe.postprocessing,
        smoothing=recipe.network.options.get("smoothing", 0.0),
    )


def describe(steps: VolumeSteps) -> Iterator[str]:
    """Sentences on what ran and what did not."""
    if steps.smoothing:
        yield (
            "After the network, as the paper has it, a Gaussian smoothed the probabilities of each slice, with a "
            f"standard deviation of {steps.smoothing:g} pixels."
        )
    if not steps.measuring.coarse_pass:
        yield "Every slice of a CT was segmented: no coarse pass looked for the liver first."
    ran = [option for option in _CHANGING if _value(steps, option) != option.off]
    left = [option for option in _CHANGING if option not in ran]
    if ran:
        yield f"Clean-up that ran, as the paper has it: {', '.join(_in_words(steps, option) for option in ran)}."
    if left:
        begins = (
            "Other clean-up" if ran else "No clean-up ran, since the paper has none; what users' segmentations have"
        )
        yield f"{begins} was left out: {', '.join(_named(option) for option in left)}."
    if steps.measuring.curves:
        yield "Labels and probabilities, and so Dice and AUC, are of one segmentation."


def _value(steps: VolumeSteps, option: CleanUpOption) -> bool | float:
    value: bool | float = getattr(steps.clean_up, option.name)
    return value


def _in_words(steps: VolumeSteps, option: CleanUpOption) -> str:
    value = _value(steps, option)
    return _named(option) if option.kind is bool else f"{_named(option)} {value:g} {option.unit}"


def _named(option: CleanUpOption) -> str:
    return option.label[:1].lower() + option.label[1:]
