"""What stands on a folded section of Slicer's panel: its name with the present choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .texts import AUTO, _, devices

_LONG, _SHORT = 32, 20
"""Characters of a name: a line that is wider than the panel would widen it."""


def model(models: Sequence[Mapping[str, Any]], name: str) -> str:
    """What the chosen model finds, and what its weights may be used for.

    Args:
        models: those that are known, as the worker lists them.
        name: of the chosen one.
    """
    chosen = next((each for each in models if each["name"] == name and "error" not in each), None)
    return _("Model: {choice}").format(choice=model_in_words(chosen) if chosen else _short(name))


def model_in_words(model: Mapping[str, Any]) -> str:
    """A model in a clinician's words, such as *Liver and lesions, research weights*."""
    found = {
        ("liver", "lesion"): _("Liver and lesions"),
        ("liver",): _("Liver"),
        ("lesion",): _("Lesions"),
        (): _("Other structures"),
    }[tuple(model["labels"][1:])]
    return _("{found}, research weights").format(found=found) if model["research_only"] else found


def device(known: Sequence[Mapping[str, Any]], name: str, precision: str) -> str:
    """The chosen device, with the precision where it was chosen too."""
    said = _short(devices(known).get(name, name))
    if precision != AUTO:
        said = _("{device}, {precision}").format(device=said, precision=precision)
    return _("Device: {choice}").format(choice=said)


def output(segmentation: str | None, *, replace: bool, one_each: bool) -> str:
    """Where the segments go, and how many there are of lesions.

    Args:
        segmentation: name of the node that gets them; None for a new one.
        replace: segments of an earlier run go.
        one_each: a segment a lesion.
    """
    if segmentation is not None:
        said = _("Output: replaces in “{name}”") if replace else _("Output: adds to “{name}”")
        return said.format(name=_short(segmentation, _SHORT))
    if one_each:
        return _("Output: new segmentation, a segment a lesion")
    return _("Output: new segmentation, one segment for lesions")


def advanced(region: str | None, *, coarse_pass: bool) -> str:
    """The region, and what was chosen against what is usual."""
    where = _("whole CT") if region is None else f"“{_short(region)}”"
    if not coarse_pass:
        where = _("{region}, every slice").format(region=where)
    return _("Advanced: {choice}").format(choice=where)


def _short(name: str, most: int = _LONG) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
