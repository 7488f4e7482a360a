"""The lines of an NRRD or MetaImage header, held against what makes ITK crash before ITK sees it."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

_BREAK = rb"(?:\r\n|\n|\r(?!\n))"
_NRRD_END = re.compile(_BREAK + _BREAK)
_METAIMAGE_END = re.compile(rb"(?:^|[\r\n])[ \t]*ElementDataFile[^\r\n]*" + _BREAK)
_NRRD_FREE = re.compile(rb"#|[^:]*:=|content: ", re.IGNORECASE)
"""Comments, pairs of one's own, and how teem's tools came to the volume, which may be of any length."""

_DIMENSIONS = re.compile(rb"NDims\s*[=:]\s*(.*?)\s*$")
_GEOMETRY = re.compile(
    rb"\s*(?:TransformMatrix|Rotation|Orientation|ElementSpacing|ElementSize|Offset|Position|Origin"
    rb"|space directions|space origin|spacings)\s*[=:](.*)",
    re.IGNORECASE,
)
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf", re.IGNORECASE)
_LARGEST = 1e6
"""Far beyond any patient in mm; matrices of larger numbers keep ITK busy for ever."""

_BLOCK, _LONGEST, _LONGEST_LINE = 1 << 16, 1 << 24, 1000


def is_metaimage(path: Path) -> bool:
    """Whether a file of this name is a MetaImage, else NRRD."""
    return path.suffix.lower() in (".mha", ".mhd")


def read(path: Path) -> tuple[list[bytes], int]:
    """Lines of the header without their ends, and the byte at which voxels may follow.

    Raises:
        UserError: it holds lines with which teem crashes, or impossible numbers.
    """
    end = _METAIMAGE_END if is_metaimage(path) else _NRRD_END
    header, found = b"", None
    with path.open("rb") as content:
        while not found and len(header) < _LONGEST and (block := content.read(max(_BLOCK, len(header)))):
            header += block
            found = end.search(header)
    length = found.end() if found else len(header)
    lines = re.split(rb"\r\n|\n|\r", header[:length])
    _check(lines, path)
    return lines, length


def fields(path: Path) -> dict[str, str]:
    """What the header states, by names in small letters without blanks; no comments, and no pairs of one's own.

    Raises:
        UserError: as :func:`read`.
    """
    lines = [line.decode(errors="replace") for line in read(path)[0]]
    pairs = (re.split(r"[:=]", line, maxsplit=1) for line in lines if ":=" not in line and not line.startswith("#"))
    return {pair[0].replace(" ", "").lower(): pair[1].strip() for pair in pairs if len(pair) == 2}


def _check(lines: list[bytes], path: Path) -> None:
    if not is_metaimage(path) and any(len(line) > _LONGEST_LINE and not _NRRD_FREE.match(line) for line in lines):
        msg = f"{path} has a line in its header that is longer than {_LONGEST_LINE} characters: export it again."
        raise UserError(msg)
    stated = [number for line in lines if (found := _GEOMETRY.match(line)) for number in _NUMBER.findall(found[1])]
    if not all(abs(float(number)) <= _LARGEST for number in stated):
        msg = f"{path} states an impossible geometry, with numbers that are huge or not finite: mend its header."
        raise UserError(msg)
    if is_metaimage(path):
        _check_dimensions(lines, path)


def _check_dimensions(lines: list[bytes], path: Path) -> None:
    stated = [found[1] for line in lines if (found := _DIMENSIONS.search(line))]
    if len(stated) != 1 or not re.fullmatch(rb"[1-9]|10", stated[0]):
        msg = f"{path} states no number of dimensions from 1 to 10 (NDims): mend its header."
        raise UserError(msg)
