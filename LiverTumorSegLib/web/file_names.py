"""Names from elsewhere, of uploads and of members of zip files, made safe to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

_SEPARATOR = re.compile(r"[/\\]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
"""Names that Windows gives to devices, whatever their ending."""

_ENDING = re.compile(r"(\.[A-Za-z]\w{0,4}){0,2}$")
_FIRST_BYTES, _LAST_BYTES = 140, 40
_DEEPEST = 8


def safe_name(name: str) -> str:
    r"""The last part of a path as a visible name that every system can write, of at most 180 bytes in UTF-8.

    Example:
        >>> safe_name("../.profile"), safe_name("C:\\scans\\nul.nii")
        ('profile', '_nul.nii')
    """
    last = _FORBIDDEN.sub("_", _SEPARATOR.split(name)[-1])
    shown = _short("".join(letter for letter in last if letter.isprintable())).strip(". ")
    return f"_{shown}" if _DEVICE.match(shown) else shown or "unnamed"


def safe_path(name: str) -> Path:
    """A relative path of :func:`safe_name` parts, the last eight at most; ``.`` and ``..`` are left out."""
    parts = [part for part in _SEPARATOR.split(name) if part.strip(". ")]
    return Path(*(safe_name(part) for part in parts[-_DEEPEST:] or ["unnamed"]))


def free_path(wanted: Path) -> Path:
    """The path, with a number before its ending where something has this name, such as ``ct (2).nii.gz``."""
    return next(path for path in _numbered(wanted) if not path.exists() and not path.is_symlink())


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    found = _ENDING.search(path.name)
    cut = found.start() if found else len(path.name)
    for number in count(2):
        yield path.with_name(f"{path.name[:cut]} ({number}){path.name[cut:]}")


def _short(name: str) -> str:
    """Without the middle of a long name: the ending says the format."""
    content = name.encode()
    if len(content) <= _FIRST_BYTES + _LAST_BYTES:
        return name
    return content[:_FIRST_BYTES].decode(errors="ignore") + content[-_LAST_BYTES:].decode(errors="ignore")
