"""Text files: read as UTF-8, and tables with rounded numbers written as CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import errno
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .atomic_files import whole_group
from .sanitize import escape_invisible


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, line ends as they are.

    Raises:
        OSError: it cannot be read, or is a device, a pipe or a socket, which would be waited for without end.
        UnicodeDecodeError: it is not in UTF-8.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a device, a pipe or a socket", str(path))
    with path.open(encoding="utf-8-sig", newline="") as text:
        return text.read()


def write_texts(folder: Path, texts: Mapping[str, str], *, overwrite: bool = False) -> list[Path]:
    """Write files that belong together, in UTF-8, by their names; returns their paths.

    Raises:
        UserError: as :func:`.atomic_files.whole_group`.
    """
    paths = [folder / name for name in texts]
    with whole_group(paths, overwrite=overwrite) as unfinished:
        for file, text in zip(unfinished, texts.values(), strict=True):
            file.write_text(text, encoding="utf-8")
    return paths


TableRow = Mapping[str, Any]

_BEGINS = r"(^|[;\t\n\v\f\r\x85\u2028\u2029])"
_FORMULA = r"(?=['\s\"]*[=+\-@\t\uff1d\uff0b\uff0d\uff20])"  # the last four are wide ones, which some take as well
_UNMARKED, _MARKED = re.compile(_BEGINS + _FORMULA), re.compile(f"{_BEGINS}'{_FORMULA}")
_DIGITS = 6


def to_csv(names: Iterable[str], rows: Iterable[TableRow]) -> str:
    """Rows under a header of names; numbers rounded, and invisible characters shown.

    Args:
        names: of the columns.
        rows: cells by the name of their column; one that is left out is empty.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def lines(rows: Iterable[Iterable[Any]], delimiter: str = ",") -> str:
    """Rows of cells as they are, but for words that would be a formula.

    Args:
        rows: the header first.
        delimiter: of cells; they are quoted but for tabulators, between which programs paste quotes as well.
    """
    text = io.StringIO()
    kind = csv.excel_tab if delimiter == "\t" else csv.unix_dialect  # which quotes all
    writer = csv.writer(text, kind, delimiter=delimiter, lineterminator="\n")
    writer.writerows([marked(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


NOTHING = "-"
"""What a cell says of what there is nothing of; no formula by itself."""


def marked(words: str) -> str:
    """Words with an apostrophe before whatever a spreadsheet would run as a formula, which it then takes for text."""
    return words if words == NOTHING else _UNMARKED.sub(r"\1'", words)


def unmarked(words: str) -> str:
    """Words that were :func:`marked`, as they had been."""
    return _MARKED.sub(r"\1", words)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    return marked(escape_invisible(value)) if isinstance(value, str) else value


def round_floats(content: Any, digits: int) -> Any:
    """Mappings, lists and tuples, however nested, with every float rounded to digits after the point."""
    if isinstance(content, float):
        return round(content, digits)
    if isinstance(content, dict):
        return {key: round_floats(value, digits) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [round_floats(value, digits) for value in content]
    return content
