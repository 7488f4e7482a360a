"""Which series run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .config import Rule


@dataclass(frozen=True)
class SeriesFacts:
    """What rules go by.

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


def fits(facts: SeriesFacts, rules: Sequence[Rule]) -> str:
    """Empty where one of the rules fits a series, else a sentence on why none does, without words of the series.

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
    """What of a rule does not fit; empty where all does."""
    return next((words for test, words in _TESTS if not test(facts, rule)), "")


def _has_images(facts: SeriesFacts, rule: Rule) -> bool:
    return facts.images >= rule.fewest_images


def _has_body_part(facts: SeriesFacts, rule: Rule) -> bool:
    return not rule.body_part or facts.body_part.casefold() in {part.casefold() for part in rule.body_part}


def _has_description(facts: SeriesFacts, rule: Rule) -> bool:
    return rule.description is None or _finds(rule.description, facts.description)


def _lacks_description(facts: SeriesFacts, rule: Rule) -> bool:
    return rule.not_description is None or not _finds(rule.not_description, facts.description)


def _has_thickness(facts: SeriesFacts, rule: Rule) -> bool:
    if facts.is_of_archive or (rule.thinnest_mm is None and rule.thickest_mm is None):
        return True
    least, most = rule.thinnest_mm or 0.0, rule.thickest_mm or float("inf")
    return facts.thickness_mm is not None and least <= facts.thickness_mm <= most


def _finds(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


_TESTS: tuple[tuple[Callable[[SeriesFacts, Rule], bool], str], ...] = (
    (_has_images, "it has fewer images than that asks for"),
    (_has_body_part, "it is of another body part, or states none"),
    (_has_description, "its description is another"),
    (_lacks_description, "its description is one that is left out"),
    (_has_thickness, "its slice thickness is another, or not stated"),
)
