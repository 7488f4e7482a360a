"""Evaluation of all matched cases, from their files to the whole content of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ..core import sanitize
from ..core.about import __version__
from ..core.errors import UserError
from ..core.labels import LESION_LABEL
from ..core.process_pool import for_each
from ..core.progress import CancelToken, Job, Progress
from ..core.progress import job as job_of
from ..core.text_files import round_floats
from .case import CaseResult, EvaluationSettings, measure_files
from .pairing import EvaluationPair, PairedCases, find_pairs
from .summary import define_measures, summarise_cases


def measure_cases(
    pairs: Iterable[EvaluationPair], settings: EvaluationSettings, processes: int, job: Job
) -> tuple[dict[str, CaseResult], dict[str, str]]:
    """Measure cases.

    Args:
        pairs: the files of each.
        settings: the definitions.
        processes: how many cases at once; 1 stays in this process.
        job: told after every case.

    Returns:
        What was measured by case, in the order given, and a sentence for each that could not be.

    Raises:
        Cancelled: the user asked to stop.
    """
    return for_each({pair.case: (pair, settings) for pair in pairs}, measure_files, processes, job)


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
    """The result of an evaluation.

    Args:
        content: everything that ``report.json`` holds; :func:`evaluate_pairs` says what.
        cases: the measured cases by name, with their slices.
        pairs: their files.
    """

    content: dict[str, Any]
    cases: Mapping[str, CaseResult]
    pairs: Mapping[str, EvaluationPair]


def evaluate_pairs(
    matches: PairedCases, settings: EvaluationSettings, *, processes: int = 1, command: str = "", job: Job | None = None
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
    cases, failed = measure_cases(matches.pairs, settings, processes, job or Job())
    failed |= matches.failed
    if not cases:
        raise NothingMeasured(failed)
    contents = {name: case.to_dict(settings) for name, case in cases.items()}
    content = {
        "format": FORMAT,
        "software": f"LiverTumorSeg {__version__}",
        "command": command,
        "settings": settings.to_dict(),
        "definitions": define_measures(settings),
        "cases": contents,
        "failed": _without_folders(failed, matches),
        "warnings": _doubts(cases),
        "summary": summarise_cases(cases, contents, settings) | {"cases": len(cases), "failed": len(failed)},
    }
    return Evaluation(
        round_floats(content, _DIGITS), cases, {pair.case: pair for pair in matches.pairs if pair.case in cases}
    )


_DEFAULT_SETTINGS = EvaluationSettings()


def evaluate(
    predictions: str | PathLike[str],
    references: str | PathLike[str],
    *,
    settings: EvaluationSettings = _DEFAULT_SETTINGS,
    images: str | PathLike[str] | None = None,
    probabilities: str | PathLike[str] | None = None,
    csv: str | PathLike[str] | None = None,
    processes: int = 1,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Evaluation:
    """Measure segmentations in files against references.

    Args:
        predictions: folder of label files, or one file: 0 background, 1 liver, 2 lesion.
        references: folder of what they should be, or one file; case names pair the two.
        settings: definitions of the measures.
        images: folder of the CTs, which the report's pictures need.
        probabilities: folder of ``CASE_liver`` and ``CASE_lesion``, from 0 to 1.
        csv: list of pairs, where names do not tell them.
        processes: how many cases are measured at once.
        progress: told after every case.
        cancel: checked after every case.

    Returns:
        ``content`` holds what ``report.json`` holds: Dice and the like from 0 to 1, distances in mm, volumes in ml.

    Raises:
        UserError: files are missing, no two are of one case, or no case can be measured.
        Cancelled: ``cancel`` was used.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> evaluation = lts.evaluate("predictions", "references")
        >>> evaluation.content["cases"]["patient"]["liver"]["dice"]
        1.0
    """
    chosen = {"csv": csv, "images": images, "probabilities": probabilities}
    places = {name: None if path is None else Path(path) for name, path in chosen.items()}
    pairs = find_pairs(Path(predictions), Path(references), **places)
    return evaluate_pairs(pairs, settings, processes=processes, job=job_of(progress, cancel))


def _without_folders(failed: Mapping[str, str], matches: PairedCases) -> dict[str, str]:
    folders = frozenset().union(*(pair.folders for pair in matches.pairs)) if failed else ()
    return {name: sanitize.strip_folders(sentence, folders) for name, sentence in failed.items()}


def _doubts(cases: Mapping[str, CaseResult]) -> list[str]:
    found, real = (sum(case.confusion.sum(axis=axis)[LESION_LABEL] for case in cases.values()) for axis in (0, 1))
    if real and not found:
        return ["No prediction marks a lesion (label 2), and references do."]
    if not real:
        return ["No reference marks a lesion (label 2): figures of lesions compare with nothing."]
    return []
