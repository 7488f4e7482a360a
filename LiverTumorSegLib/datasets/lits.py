"""LiTS: ``volume-N.nii[.gz]`` with ``segmentation-N.nii[.gz]``, in a folder and those in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from .. import files
from ..errors import UserError
from .dump import LeftOut
from .scans import FileScan

_NAME = re.compile(r"(volume|segmentation)-(\d+)\.nii(\.gz)?$")


class Matches(NamedTuple):
    """What a folder holds: CT and labels by number, ascending, and what has no partner."""

    both: dict[int, tuple[Path, Path]]
    left_out: tuple[LeftOut, ...]


def match(folder: Path) -> Matches:
    """Pair volumes with segmentations by their number.

    Raises:
        UserError: one name occurs twice.
    """
    found: dict[str, dict[int, Path]] = {"volume": {}, "segmentation": {}}
    for path in sorted(folder.rglob("*-*.nii*")):
        named = _NAME.match(path.name)
        if not named or not path.is_file():
            continue
        kind, number = named[1], int(named[2])
        refuse_twice(found[kind].get(number), path)
        found[kind][number] = path
    volumes, segmentations = found["volume"], found["segmentation"]
    both = sorted(volumes.keys() & segmentations.keys())
    return Matches(
        {number: (volumes[number], segmentations[number]) for number in both},
        (*alone(volumes, both, "it has no segmentation"), *alone(segmentations, both, "it has no volume")),
    )


def find(folder: Path) -> tuple[tuple[FileScan, ...], tuple[LeftOut, ...]]:
    """The scans of a folder, and what is left out.

    Raises:
        UserError: one name occurs twice.
    """
    found = match(folder)
    return tuple(FileScan(f"volume-{number}", *paths) for number, paths in found.both.items()), found.left_out


def refuse_twice(first: Path | None, path: Path) -> None:
    """Raise :class:`UserError` where a file was found already for what another stands for."""
    if first is not None:
        msg = f"{first} and {path} have one name: take one of them out of the folder."
        raise UserError(msg)


def alone(paths: dict[int, Path], both: list[int], reason: str) -> list[LeftOut]:
    """What is left out of numbered files, as its partner is missing."""
    return [LeftOut(name=files.stem(paths[number]), reason=reason) for number in sorted(paths.keys() - set(both))]
