"""Which CTs a folder or a list holds, and what each is called.

Names are those that ``evaluate`` pairs by (:mod:`LiverTumorSegLib.evaluation.pairs.case_names`), so that a folder of
outputs can be compared with a folder of references as it is. nnU-Net's ``_0000`` is left off where all names end so, as
its references lack it; a single ``_0000`` among others is a number like theirs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..evaluation.pairs import case_names
from ..files import stem
from ..progress import CancelToken
from . import case_list, contents, dicom_folders
from .case import CohortCase, refuse_clashes

_CHANNEL = "_0000"
_MASK_FILE = ".seg.nrrd"
_MASK_FOLDER = re.compile(r"(labels?|masks?|segmentations?)(T[rs])?|(masks|labelled)_dicom", re.IGNORECASE)
"""Folders of masks: of MSD and nnU-Net (``labelsTr``), of 3D-IRCADb-01 (``MASKS_DICOM``), and as people call them."""

LeftOut = dict[str, list[str]]
"""What was left out, by why."""


@dataclass(frozen=True)
class Found:
    """The CTs of a cohort.

    Args:
        cases: sorted by name.
        remarks: what was left out, a sentence a reason.
    """

    cases: tuple[CohortCase, ...]
    remarks: tuple[str, ...] = ()


def find(source: Path, others: Collection[Path] = (), cancel: CancelToken | None = None) -> Found:
    """Find CTs.

    Args:
        source: folder that is searched with all in it for NIfTI, NRRD and MetaImage files and for folders of DICOM
            files, also where links lead; or a list (:mod:`.case_list`). Hidden files, masks, and DICOM series other
            than CT are left out.
        others: folders, such as those of outputs, that are left out where they lie inside it.
        cancel: checked before each folder.

    Raises:
        UserError: it does not exist, holds no CT, or two CTs have one name.
        Cancelled: ``cancel`` was used.
    """
    if not source.exists():
        msg = f"{source} does not exist: check the name."
        raise UserError(msg)
    left_out: LeftOut = {}
    cases = _in_folder(source, others, left_out, cancel or CancelToken()) if source.is_dir() else case_list.read(source)
    remarks = tuple(_remark(why, which) for why, which in left_out.items())
    if not cases:
        reason = f" ({remarks[0].rstrip('.')})" if remarks else ""
        msg = f"{source} holds no CT{reason}: give a folder of NIfTI, NRRD or MetaImage files or of DICOM folders."
        raise UserError(msg)
    refuse_clashes(cases)
    return Found(tuple(sorted(cases, key=lambda case: case_names.natural(case.name))), remarks)


def _in_folder(source: Path, others: Collection[Path], left_out: LeftOut, cancel: CancelToken) -> list[CohortCase]:
    volumes: list[Path] = []
    cases: list[CohortCase] = []
    for place, paths in _places(source, {other.resolve() for other in others}):
        cancel.check()
        found = [path for path in paths if stem(path) != path.name]
        masks = [path for path in found if _is_mask(path, source)]
        volumes += [path for path in found if path not in masks]
        _add(left_out, "masks by their names or folders", [path.name for path in masks])
        rest = [path for path in paths if path not in found]
        if not _is_in_mask_folder(place, source) and dicom_folders.has_dicom(rest):
            series, no_cts = dicom_folders.cases(place)
            cases += series
            _add(left_out, "DICOM series that are no CTs to segment", no_cts)
    return cases + _named(volumes)


def _places(source: Path, others: Collection[Path]) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder once with the files in it, but for hidden ones; links come last, so that names are the folders'."""
    seen = set(others)
    roots = [source]
    for root in roots:
        for name, folders, names in os.walk(root):
            place = Path(name)
            if place.resolve() in seen:
                folders.clear()
                continue
            seen.add(place.resolve())
            inside = [place / folder for folder in sorted(folders) if not folder.startswith(".")]
            roots += [path for path in inside if path.is_symlink()]
            folders[:] = [path.name for path in inside if not path.is_symlink()]
            yield place, [place / file for file in sorted(names) if not file.startswith(".")]


def _is_mask(path: Path, source: Path) -> bool:
    marked = path.name.lower().endswith(_MASK_FILE) or case_names.read(stem(path)).is_mask
    return marked or _is_in_mask_folder(path.parent, source)


def _is_in_mask_folder(place: Path, source: Path) -> bool:
    return any(_MASK_FOLDER.fullmatch(part) for part in place.relative_to(source).parts)


def _named(volumes: list[Path]) -> list[CohortCase]:
    names = [case_names.read(stem(path)).case for path in volumes]
    if all(name.endswith(_CHANNEL) for name in names):
        names = [name.removesuffix(_CHANNEL) for name in names]
    return [CohortCase(name, path, contents.size([path])) for name, path in zip(names, volumes, strict=True)]


def _add(left_out: LeftOut, why: str, which: list[str]) -> None:
    if which:
        left_out.setdefault(why, []).extend(which)


def _remark(why: str, which: list[str]) -> str:
    return f"Left out as {why}: {len(which)}, such as {which[0]}."
