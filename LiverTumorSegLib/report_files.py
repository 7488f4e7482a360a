"""The files of a report: a page to read, and the measures as CSV and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import report
from .inference import Segmentation
from .lesions import LesionTable
from .whole_files import refuse_existing, refuse_unwritable, whole_file

PAGE, LESIONS, PATIENT, JSON = "report.html", "lesions.csv", "patient.csv", "lesions.json"
NAMES = frozenset({PAGE, LESIONS, PATIENT, JSON})


def check(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it holds one of the files, or cannot be written to.
    """
    for name in sorted(NAMES):
        refuse_existing(folder / name, overwrite=overwrite)
        refuse_unwritable(folder / name)


def write(folder: Path, segmentation: Segmentation, table: LesionTable, *, overwrite: bool = False) -> list[Path]:
    """Write ``report.html``, ``lesions.csv``, ``patient.csv`` and ``lesions.json`` into a folder.

    Raises:
        UserError: one of the files exists, or the folder cannot be written to.
    """
    contents = {
        PAGE: report.html(segmentation, table),
        LESIONS: table.to_csv(),
        PATIENT: table.patient_csv(),
        JSON: json.dumps(facts(segmentation, table), indent=2) + "\n",
    }
    for name, text in contents.items():
        with whole_file(folder / name, overwrite=overwrite) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return [folder / name for name in contents]


def facts(segmentation: Segmentation, table: LesionTable) -> dict[str, Any]:
    """The measures with how they came about, ready for JSON; the same run always gives the same."""
    cleaning = segmentation.options.postprocessing
    return table.to_dict() | {
        "model": segmentation.model.name,
        "weights_sha256": segmentation.model.weights.sha256,
        "device": segmentation.device,
        "coarse_pass": segmentation.options.coarse_pass,
        "postprocessing": cleaning.model_dump() if cleaning else {},
        "warnings": [*segmentation.volume.warnings, *segmentation.notes, *table.warnings],
    }
