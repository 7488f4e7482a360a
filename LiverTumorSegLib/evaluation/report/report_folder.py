"""The files of an evaluation: a page to read, everything as JSON, and tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...places import of_sentence
from ...processes import for_each
from ...progress import Job
from ...quiet import quiet_libraries
from ...whole_files import refuse_folder, refuse_unwritable, whole_folder
from ..case import read_labels
from ..evaluate import Evaluation
from ..pairs import reading
from ..pairs.pairing import EvaluationPair
from ..settings import Settings
from . import page, tables
from .side_by_side import Shown, shown

PAGE, JSON, CASES, LESIONS, SLICES = "report.html", "report.json", "cases.csv", "lesions.csv", "slices.csv"
NAMES = frozenset({PAGE, JSON, CASES, LESIONS, SLICES})

Pictures = Mapping[str, Sequence[Shown]]


def check(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it exists and may not be replaced, holds other files, or cannot be written.
    """
    refuse_folder(folder, overwrite=overwrite, holds=NAMES)
    refuse_unwritable(folder / JSON)


def draw_worst(
    evaluation: Evaluation, settings: Settings, count: int, processes: int, job: Job
) -> dict[str, list[Shown]]:
    """Pictures of the worst cases by name, the worst first.

    Args:
        evaluation: what was measured; where a case cannot be drawn, or its CT not be shown, its warnings get a
            sentence.
        settings: its definitions.
        count: of cases.
        processes: how many cases are drawn at once.
        job: told after every case.
    """
    worst = page.worst_first(evaluation.content["cases"])[:count]
    tasks = {name: (evaluation.pairs[name], settings) for name in worst}
    drawn, failed = for_each(tasks, _draw, processes, job, "Drew") if tasks else ({}, {})
    doubts = {name: doubt for name, (_, doubt) in drawn.items()} | failed
    for name, doubt in doubts.items():
        if doubt:
            why = of_sentence(doubt, evaluation.pairs[name].folders)
            evaluation.content["cases"][name]["warnings"].append(f"It is not shown on its CT: {why}")
    return {name: pictures for name, (pictures, _) in drawn.items()}


def write(folder: Path, evaluation: Evaluation, pictures: Pictures, *, overwrite: bool = False) -> None:
    """Write ``report.html``, ``report.json``, ``cases.csv``, ``lesions.csv`` and ``slices.csv``, all or none.

    Raises:
        UserError: the folder exists and may not be replaced, or cannot be written.
    """
    content = evaluation.content
    texts = {
        PAGE: page.html(content, pictures),
        JSON: to_json(content),
        CASES: tables.cases_csv(content),
        LESIONS: tables.lesions_csv(content),
        SLICES: tables.slices_csv({name: case.slices for name, case in evaluation.cases.items()}),
    }
    with whole_folder(folder, overwrite=overwrite, holds=NAMES) as unfinished:
        for name, text in texts.items():
            (unfinished / name).write_text(text, encoding="utf-8")


def to_json(content: Mapping[str, Any]) -> str:
    """The content as text."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _draw(pair: EvaluationPair, settings: Settings) -> tuple[list[Shown], str]:
    """Pictures, and why they are without the CT."""
    with quiet_libraries():
        labels = read_labels(pair, settings)
        try:
            image = reading.read_image(pair.image, labels, resample=settings.resample) if pair.image else None
            doubt = ""
        except (UserError, OSError) as error:
            image, doubt = None, str(error)
    return shown(pair.case, labels, image), doubt
