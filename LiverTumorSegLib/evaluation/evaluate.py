"""From matched files to the whole content of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import __version__, places
from ..errors import UserError
from ..postprocessing import LESION
from ..progress import Job
from ..rounding import rounded
from .case import Case
from .definitions import definitions
from .pairs.pairing import EvaluationPair, Matches
from .run import measure_all
from .settings import Settings
from .summary import summarise

FORMAT = 1
_DIGITS = 6


class NothingMeasured(UserError):
    """No case could be measured.

    Args:
        failed: why, a sentence by case; what was matched and yet not measured comes first.
    """

    def __init__(self, failed: Mapping[str, str]) -> None:
        self.failed = dict(failed)
        first, *others = self.failed.values()
        more = f" {len(others)} more could not be measured either." if others else ""
        super().__init__(first + more)


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Args:
        content: everything that ``report.json`` holds; :func:`evaluate` says what.
        cases: the measured cases by name, with their slices.
        pairs: their files.
    """

    content: dict[str, Any]
    cases: Mapping[str, Case]
    pairs: Mapping[str, EvaluationPair]


def evaluate(
    matches: Matches, settings: Settings, *, processes: int = 1, command: str = "", job: Job | None = None
) -> Evaluation:
    """Measure predictions against their references.

    Args:
        matches: the files of each case, and what has no partner.
        settings: the definitions.
        processes: how many cases are measured at once.
        command: what the user typed, for the report.
        job: told after every case.

    Returns:
        ``content`` has the keys ``format``, ``software``, ``command``, ``settings``, ``definitions`` (a sentence by
        key), ``cases`` (measures by case and structure), ``failed`` (a sentence by case), ``warnings`` (doubts about
        all cases together) and ``summary``.

    Raises:
        NothingMeasured: no case at all can be measured.
        Cancelled: the user asked to stop.
    """
    cases, failed = measure_all(matches.pairs, settings, processes, job or Job())
    failed |= matches.failed
    if not cases:
        raise NothingMeasured(failed)
    contents = {name: case.to_dict(settings) for name, case in cases.items()}
    content = {
        "format": FORMAT,
        "software": f"LiverTumorSeg {__version__}",
        "command": command,
        "settings": settings.to_dict(),
        "definitions": definitions(settings),
        "cases": contents,
        "failed": _without_places(failed, matches),
        "warnings": _doubts(cases),
        "summary": summarise(cases, contents, settings) | {"cases": len(cases), "failed": len(failed)},
    }
    return Evaluation(
        rounded(content, _DIGITS), cases, {pair.case: pair for pair in matches.pairs if pair.case in cases}
    )


def _without_places(failed: Mapping[str, str], matches: Matches) -> dict[str, str]:
    folders = frozenset().union(*(pair.folders for pair in matches.pairs)) if failed else ()
    return {name: places.of_sentence(sentence, folders) for name, sentence in failed.items()}


def _doubts(cases: Mapping[str, Case]) -> list[str]:
    found, real = (sum(case.confusion.sum(axis=axis)[LESION] for case in cases.values()) for axis in (0, 1))
    if real and not found:
        return ["No prediction marks a lesion (label 2), and references do."]
    if not real:
        return ["No reference marks a lesion (label 2): figures of lesions compare with nothing."]
    return []
