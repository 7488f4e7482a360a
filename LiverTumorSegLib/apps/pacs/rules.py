"""The rules that choose which series run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from .config import Rule

_LONGEST_QUOTE = 60
_SEARCHED = 128
"""Signs of a description that are looked at, twice what DICOM allows: a sender chooses them, and on thousands a
regular expression may take hours, in which nothing else of the process runs."""


@dataclass(frozen=True)
class SeriesFacts:
    """The attributes of a series that rules go by.

    Args:
        images: how many there are.
        modality: as ``CT``.
        body_part: that was examined, as ``ABDOMEN``; empty where none is stated.
        description: of the series; empty where there is none.
        thickness_mm: of a slice; None where none is stated.
        is_localiser: whether it is no slices but an overview that they are planned on.
        is_of_archive: whether an archive's answer says this, which has no slice thickness: no rule is missed by it.
    """

    images: int
    modality: str = "CT"
    body_part: str = ""
    description: str = ""
    thickness_mm: float | None = None
    is_localiser: bool = False
    is_of_archive: bool = False


def why_no_rule_fits(facts: SeriesFacts, rules: Sequence[Rule]) -> str:
    """Empty where one of the rules fits, else a sentence on why none does, with numbers but no words of the series.

    Args:
        facts: of the series.
        rules: of the configuration.
    """
    if facts.modality != "CT":
        return "It is not CT."
    if facts.is_localiser:
        return "It is a localiser."
    misses = [_miss(facts, rule) for rule in rules]
    if not all(misses):
        return ""
    if len(misses) == 1:
        return f"The rule does not fit: {misses[0]}."
    listed = "; ".join(f"rule {number}: {miss}" for number, miss in enumerate(misses, 1))
    return f"No rule fits: {listed or 'there is none'}."


def _miss(facts: SeriesFacts, rule: Rule) -> str:
    """The first part of a rule that does not fit, in words; empty where all does."""
    return next((words for look in _CHECKS if (words := look(facts, rule))), "")


def _at_images(facts: SeriesFacts, rule: Rule) -> str:
    if facts.images >= rule.fewest_images:
        return ""
    return f"its number of images, {facts.images}, is below fewest_images {rule.fewest_images}"


def _at_body_part(facts: SeriesFacts, rule: Rule) -> str:
    if not rule.body_part or facts.body_part.casefold() in {part.casefold() for part in rule.body_part}:
        return ""
    if not facts.body_part:
        return "it states no Body Part Examined, which body_part asks for"
    return f"its Body Part Examined is not {_quoted(' or '.join(rule.body_part))}"


def _at_description(facts: SeriesFacts, rule: Rule) -> str:
    if rule.description is None or _finds(rule.description, facts.description):
        return ""
    return f"{_quoted(rule.description)} is not found in its description"


def _at_not_description(facts: SeriesFacts, rule: Rule) -> str:
    if rule.not_description is None or not _finds(rule.not_description, facts.description):
        return ""
    return f"{_quoted(rule.not_description)}, which not_description leaves out, is found in its description"


def _at_thickness(facts: SeriesFacts, rule: Rule) -> str:
    least, most, thickness = rule.thinnest_mm or 0.0, rule.thickest_mm or inf, facts.thickness_mm
    if facts.is_of_archive or (rule.thinnest_mm is None and rule.thickest_mm is None):
        return ""
    if thickness is None:
        return "it states no slice thickness, which the rule asks for"
    if least <= thickness <= most:
        return ""
    limit = f"below thinnest_mm {least:g}" if thickness < least else f"above thickest_mm {most:g}"
    return f"its slice thickness, {thickness:g} mm, is {limit}"


def _finds(pattern: str, text: str) -> bool:
    return re.search(pattern, text[:_SEARCHED], re.IGNORECASE) is not None


def _quoted(text: str) -> str:
    """Words of the configuration, of which long ones are cut."""
    return f"“{text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + '…'}”"


_CHECKS: tuple[Callable[[SeriesFacts, Rule], str], ...] = (
    _at_images,
    _at_body_part,
    _at_description,
    _at_not_description,
    _at_thickness,
)
