"""CTs under the folder that was given at start: what can be opened there, and nothing outside of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PureWindowsPath

from ..errors import UserError
from ..files.dicom_scan import looks_like_dicom
from ..visible import on_one_line
from .arrivals import is_volume

MOST_LISTED, MOST_SEEN = 500, 20_000

_ASKED = 5
"""Files of a folder that are asked whether they are DICOM."""


@dataclass(frozen=True)
class Listing:
    """What can be opened.

    Args:
        names: relative, with ``/``; folders of DICOM files first, then files, each sorted; ``.`` is the folder itself.
        remark: a sentence where there is more than is listed, otherwise empty.
    """

    names: tuple[str, ...]
    remark: str = ""


def listing(root: Path, inside: str = "", most: int = MOST_LISTED, most_seen: int = MOST_SEEN) -> Listing:
    """List what can be opened under the folder and the folders in it, but for hidden ones and what links lead to.

    Args:
        root: the folder given at start.
        inside: relative name of a folder in it, for what lies there alone.
        most: names listed.
        most_seen: files and folders looked at, so that a folder of millions is answered soon.

    Raises:
        UserError: as :func:`resolve`.
    """
    base = resolve(root, inside)
    found = list(islice(_openable(base, most_seen), most + 1))
    is_cut = len(found) > most or None in found
    kept = [path for path in found[:most] if path is not None]
    kept.sort(key=lambda path: (path.is_file(), path.as_posix().casefold()))
    remark = f"Only the first {len(kept)} CTs are listed: to open another, start with a folder further inside."
    return Listing(tuple(path.relative_to(root.resolve()).as_posix() for path in kept), remark if is_cut else "")


def resolve(root: Path, name: str) -> Path:
    """The path of a name under the folder, without links in it.

    Args:
        root: the folder given at start.
        name: relative; empty or ``.`` for the folder itself.

    Raises:
        UserError: it does not exist, or lies outside the folder, also where a link leads.
    """
    shown = on_one_line(name)
    parts = PureWindowsPath(name)  # takes / and \ for separators
    if parts.anchor or name.startswith("~") or ".." in parts.parts:
        raise _outside(shown)
    try:
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # a link to itself is a RuntimeError before Python 3.13
        msg = f"{shown} is not in the folder given at start: choose a name from the list."
        raise UserError(msg) from error
    if not path.is_relative_to(root.resolve()):
        raise _outside(shown)
    return path


def _outside(shown: str) -> UserError:
    return UserError(f"{shown} lies outside the folder given at start: choose a name from the list.")


def _openable(base: Path, most_seen: int) -> Iterator[Path | None]:
    """DICOM folders, volume files and zip files; None at the end where not all was looked at."""
    seen = 0
    for place, folders, names in os.walk(base):
        seen += len(names) + 1
        if seen > most_seen:
            yield None
            return
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        regular = [path for path in inside if path.is_file() and not path.is_symlink()]
        others = [path for path in regular if not _is_read_by_name(path)]
        if any(looks_like_dicom(path) for path in others[:_ASKED]):
            yield Path(place)
        yield from (path for path in regular if _is_read_by_name(path))


def _is_read_by_name(path: Path) -> bool:
    return is_volume(path) or path.suffix.lower() == ".zip"
