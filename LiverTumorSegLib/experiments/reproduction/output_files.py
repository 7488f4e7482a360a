"""The files of a reproduction: a table to reckon with, one to read, a page with pictures, and everything as JSON."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.atomic_files import whole_file
from ...core.text_files import round_floats
from . import page, report
from .results import JSON, Reproduction
from .systems import System

CSV, MARKDOWN, PAGE = "reproduction.csv", "reproduction.md", "reproduction.html"
_DIGITS = 6
_POINT = re.compile(r"\[\s*-?[\d.e+-]+,\s*-?[\d.e+-]+\s*\]")
"""Two numbers of a curve, which stand in one line."""


def write(folder: Path, system: System, done: Reproduction) -> None:
    """Write ``reproduction.csv``, ``.md``, ``.html`` and ``.json``, each whole in place of its elder.

    Raises:
        UserError: the folder cannot be written to.
    """
    done = _rounded(done)
    _write(folder / CSV, report.as_csv(done))
    _write(folder / MARKDOWN, report.markdown(system, done))
    _write(folder / PAGE, page.html(system, done, folder))
    keep(folder, done)


def keep(folder: Path, done: Reproduction) -> None:
    """Write ``reproduction.json`` alone, which says what is being reproduced before any row is done.

    Raises:
        UserError: the folder cannot be written to.
    """
    content = _rounded(done).model_dump_json(indent=1)
    _write(folder / JSON, _POINT.sub(lambda found: "".join(found[0].split()), content) + "\n")


def _rounded(done: Reproduction) -> Reproduction:
    """With the digits of the JSON, so that no file says another thing than it."""
    return Reproduction.model_validate(round_floats(done.model_dump(), _DIGITS))


def _write(path: Path, text: str) -> None:
    with whole_file(path, overwrite=True) as new:
        new.write_text(text, encoding="utf-8")
