"""The lines of an NRRD or MetaImage header, held against what makes ITK crash before ITK sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import UserError

_BREAK = rb"(?:\r\n|\n|\r(?!\n))"
_NRRD_END = re.compile(_BREAK + _BREAK)
_METAIMAGE_END = re.compile(rb"(?:^|[\r\n])[ \t]*ElementDataFile[^\r\n]*" + _BREAK)
_LONGEST_LINE = 1000
_NRRD_FREE = re.compile(rb"#|[^:]{0,%d}:=|content: " % _LONGEST_LINE, re.IGNORECASE)
"""Comments, pairs of one's own, and how teem's tools came to the volume, which may be of any length."""

_DIMENSIONS = re.compile(rb"NDims\s*[=:]\s*(.*?)\s*$")
_PLACES = rb"TransformMatrix|Rotation|Orientation|ElementSpacing|ElementSize|Offset|Position|Origin"
_GEOMETRY = re.compile(
    rb"\s*(?:" + _PLACES + rb"|space directions|space origin|spacings)\s*[=:](.*)",
    re.IGNORECASE,
)
_TORN = re.compile(rb"\s*(ElementDataFile|NDims|DimSize|" + _PLACES + rb")\s*")
"""A name whose value is on the next line, which MetaIO reads there, and at times crashes."""

_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf", re.IGNORECASE)
_LARGEST = 1e6
"""Far beyond any patient in mm; matrices of larger numbers keep ITK busy for ever."""

_BLOCK, _LONGEST = 1 << 16, 1 << 24


@dataclass(frozen=True)
class TextHeader:
    """The header of a file.

    Args:
        path: of the file.
        lines: without their ends.
        end: byte at which voxels may follow.
    """

    path: Path
    lines: tuple[bytes, ...]
    end: int

    @property
    def is_metaimage(self) -> bool:
        """Whether the file is a MetaImage, else NRRD."""
        return _is_metaimage(self.path)

    @cached_property
    def fields(self) -> dict[str, str]:
        """What is stated, by names in small letters without blanks; no comments, and no pairs of one's own."""
        lines = [line.decode(errors="replace") for line in self.lines]
        pairs = (re.split(r"[:=]", line, maxsplit=1) for line in lines if ":=" not in line and not line.startswith("#"))
        return {pair[0].replace(" ", "").lower(): pair[1].strip() for pair in pairs if len(pair) == 2}


def read(path: Path) -> TextHeader:
    """Read the header, which the name of the file says the format of.

    Raises:
        UserError: it holds lines with which teem or MetaIO crashes, or impossible numbers.
    """
    end = _METAIMAGE_END if _is_metaimage(path) else _NRRD_END
    header, found = b"", None
    with path.open("rb") as content:
        while not found and len(header) < _LONGEST and (block := content.read(max(_BLOCK, len(header)))):
            header += block
            found = end.search(header)
    length = found.end() if found else len(header)
    lines = tuple(re.split(rb"\r\n|\n|\r", header[:length]))
    _check(lines, path)
    return TextHeader(path, lines, length)


def _is_metaimage(path: Path) -> bool:
    return path.suffix.lower() in (".mha", ".mhd")


def _check(lines: tuple[bytes, ...], path: Path) -> None:
    if not _is_metaimage(path) and any(len(line) > _LONGEST_LINE and not _NRRD_FREE.match(line) for line in lines):
        msg = f"{path} has a line in its header that is longer than {_LONGEST_LINE} characters: export it again."
        raise UserError(msg)
    stated = [number for line in lines if (found := _GEOMETRY.match(line)) for number in _NUMBER.findall(found[1])]
    if not all(abs(float(number)) <= _LARGEST for number in stated):
        msg = f"{path} states an impossible geometry, with numbers that are huge or not finite: mend its header."
        raise UserError(msg)
    if _is_metaimage(path):
        _check_metaimage(lines, path)


def _check_metaimage(lines: tuple[bytes, ...], path: Path) -> None:
    if torn := next((found for line in lines if (found := _TORN.fullmatch(line))), None):
        msg = f"{path} states no value behind {torn[1].decode()} on its line: mend its header."
        raise UserError(msg)
    stated = [found[1] for line in lines if (found := _DIMENSIONS.search(line))]
    if len(stated) != 1 or not re.fullmatch(rb"[1-9]|10", stated[0]):
        msg = f"{path} states no number of dimensions from 1 to 10 (NDims): mend its header."
        raise UserError(msg)
