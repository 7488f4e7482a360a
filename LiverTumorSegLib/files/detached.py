"""Where NRRD and MetaImage headers say their voxels are: behind the header, or in one file beside it."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

from ..errors import UserError
from .text_header import TextHeader

_NRRD = re.compile(rb"\s*data ?file\s*:(?!=)\s*(.*?)\s*$", re.IGNORECASE)
_METAIMAGE = re.compile(rb"ElementDataFile\s*[=:]\s*(.*?)\s*$")
_NRRD_PATTERN = re.compile(r"%\d*d")
_SHOWN = 60


def voxel_place(header: TextHeader) -> tuple[Path, int]:
    """The file that holds the voxels, and the byte at which they may begin in it.

    A header from elsewhere could name any file of the machine, or one that never ends: only a regular file in the
    header's own folder, or in a folder there, is let pass.

    Raises:
        UserError: they are elsewhere, in several files, or in none that can be read.
    """
    find = _METAIMAGE.search if header.is_metaimage else _NRRD.match
    names = [os.fsdecode(found[1]) for line in header.lines if (found := find(line))]
    elsewhere = [_beside(header, name) for name in names if not _is_here(header, name)]
    return (elsewhere[-1], 0) if elsewhere else (header.path, header.end)


def _is_here(header: TextHeader, name: str) -> bool:
    return header.is_metaimage and name in ("LOCAL", "Local", "local")


def _beside(header: TextHeader, name: str) -> Path:
    shown = name[:_SHOWN] + ("…" if len(name) > _SHOWN else "")
    shown = shown if shown.isprintable() else ascii(shown)
    is_pattern = "%" in name if header.is_metaimage else _NRRD_PATTERN.search(name)
    if name.startswith("LIST") or is_pattern:
        msg = f"{header.path} keeps its voxels in several files: save it as one .nrrd or .nii.gz file."
        raise UserError(msg)
    if PureWindowsPath(name).anchor or name.startswith("~") or ".." in re.split(r"[/\\]", name):
        msg = f"{header.path} names voxels outside its own folder ({shown}): put that file beside it and mend the name."
        raise UserError(msg)
    if not _is_regular(header.path.parent / name):
        msg = f"{header.path} keeps its voxels in {shown}, which is no file that can be read: put that file beside it."
        raise UserError(msg)
    return header.path.parent / name


def _is_regular(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
