"""The three files of a report: a page to read, and the measures as CSV and JSON."""

from __future__ import annotations

from pathlib import Path

from . import report
from .inference import Segmentation
from .lesions import LesionTable
from .whole_files import refuse_existing, refuse_unwritable, whole_file

PAGE, CSV, JSON = "report.html", "lesions.csv", "lesions.json"


def check(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it holds one of the files, or cannot be written to.
    """
    for name in (PAGE, CSV, JSON):
        refuse_existing(folder / name, overwrite=overwrite)
    refuse_unwritable(folder / PAGE)


def write(folder: Path, segmentation: Segmentation, table: LesionTable, *, overwrite: bool = False) -> list[Path]:
    """Write ``report.html``, ``lesions.csv`` and ``lesions.json`` into a folder.

    Raises:
        UserError: one of the files exists, or the folder cannot be written to.
    """
    contents = {PAGE: report.html(segmentation, table), CSV: table.to_csv(), JSON: table.to_json() + "\n"}
    for name, text in contents.items():
        with whole_file(folder / name, overwrite=overwrite) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return [folder / name for name in contents]
