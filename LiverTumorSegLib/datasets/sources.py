"""Sources of a recipe's patients: slice pictures (``folder``) or CTs (``volumes``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Union

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Tag

from ..core.errors import UserError
from ..core.volume import Volume
from . import slices, volumes
from .dump import IMAGES
from .scans import VolumeScan
from .slices import SliceSource, files_by_patient
from .volumes import VolumeSource

Source = Union[SliceSource, VolumeSource]


def _key(entry: Any) -> str:
    """The kind of source that is meant, told by the key that only it has."""
    return (
        "volumes" if isinstance(entry, VolumeSource) or (isinstance(entry, dict) and "volumes" in entry) else "folder"
    )


AnySource = Annotated[
    Union[Annotated[SliceSource, Tag("folder")], Annotated[VolumeSource, Tag("volumes")]], Discriminator(_key)
]


def files(source: Source, root: Path) -> Mapping[str, tuple[Path, ...]]:
    """Every file or folder that each patient of a source is read from, by name; nobody where the folder is missing.

    Raises:
        UserError: the folder of CTs holds no known data set.
    """
    if isinstance(source, VolumeSource):
        return {name: scan.sources for name, scan in _scans(source, root).items()}
    found = files_by_patient(source, root)
    return {name: tuple(path for one in each for path in (one.image, one.mask)) for name, each in found.items()}


def source_of(sources: Sequence[Source], root: Path, name: str) -> Source:
    """Find the source that holds a patient.

    Raises:
        UserError: none does.
    """
    for source in sources:
        if name in files(source, root):
            return source
    folders = " or ".join(str(_folder_of(source, root)) for source in sources) or root
    msg = f"There are no slices of {name} in {folders}: give the folder that holds the recipe's data folders."
    raise UserError(msg)


def read(source: Source, root: Path, name: str) -> tuple[Volume, NDArray[np.uint8]]:
    """A patient's CT, or its run of evenly spaced slice pictures as one, and the labels ``[k, j, i]``.

    Raises:
        UserError: there is no such patient, or it cannot be read.
    """
    if isinstance(source, SliceSource):
        return slices.read_volume(source, root, name)
    scan = _scans(source, root).get(name)
    if scan is None:
        msg = f"There is no CT of {name} in {_folder_of(source, root)}: give the folder that holds it."
        raise UserError(msg)
    volume, labels, _ = source.read(scan)
    return volume, labels


def _folder_of(source: Source, root: Path) -> Path:
    return root / source.folder / IMAGES if isinstance(source, SliceSource) else root / source.folder


def _scans(source: VolumeSource, root: Path) -> dict[str, VolumeScan]:
    there = (root / source.folder).is_dir()
    return {scan.name: scan for scan in volumes.find(source, root)[0]} if there else {}
