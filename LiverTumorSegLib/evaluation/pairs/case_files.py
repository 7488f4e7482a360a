"""The masks, CTs and probabilities of a folder, by case."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from ...errors import UserError
from ...files import stem
from ...files.dicom_kinds import is_segmentation
from ..structures import LESION_NAME, LIVER_NAME
from . import case_names
from .case_names import CaseName

_ENDINGS = ".nii, .nii.gz, .nrrd, .seg.nrrd, .nhdr, .mha or .mhd, and no DICOM segmentation (.dcm)"
_DICOM = ".dcm"
_OURS = "segmentation.dcm"
"""What ``livertumorseg segment --dicom`` calls the file in the folder of a case."""

_CHANNEL = "_0000"
"""What nnU-Net ends the names of CTs with."""

_PROBABILITIES = re.compile(rf"(.+)[_-]({LIVER_NAME}|{LESION_NAME})", re.IGNORECASE)

Found = dict[str, list[Path]]
"""Files by case; several where a name occurs several times."""


def in_folder(folder: Path, others: Collection[Path] = ()) -> list[Path]:
    """Every volume in a folder and those in it, but for hidden ones, such as macOS's ``._liver_1.nii.gz``.

    Of files called ``.dcm`` those that are segmentations: others are slices, reports and the like.

    Args:
        folder: where to look.
        others: folders that are left out where they lie inside it.

    Raises:
        UserError: there is none.
    """
    inner = [other.resolve() for other in others if folder.resolve() in other.resolve().parents]
    found = [path for path in sorted(folder.rglob("*")) if _is_volume(path, folder)]
    found = [path for path in found if not any(other in path.resolve().parents for other in inner)]
    if not found:
        msg = f"{folder} holds no file that ends in {_ENDINGS}: give another folder."
        raise UserError(msg)
    return found


def is_any_in(folder: Path) -> bool:
    """Whether a folder holds a volume, in the sense of :func:`in_folder`."""
    return any(_is_volume(path, folder) for path in folder.rglob("*"))


def by_case(paths: Iterable[Path]) -> Found:
    """Files by the case that their names say."""
    found: Found = {}
    for path in paths:
        found.setdefault(named(path).case, []).append(path)
    return found


def named(path: Path) -> CaseName:
    """What a file's name says, or that of its folder where its own says nothing."""
    if path.name == _OURS:
        return CaseName(case_names.read(path.absolute().parent.name).case, is_mask=True)
    return case_names.read(path.stem if path.suffix.lower() == _DICOM else stem(path))


def marked_apart(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Those whose names say that they are masks, and the others."""
    marked: list[Path] = []
    others: list[Path] = []
    for path in paths:
        (marked if named(path).is_mask else others).append(path)
    return marked, others


def images_of(case: str, found: Found) -> list[Path]:
    """The CTs of a case, those with nnU-Net's channel at the end of the name where there are no others."""
    return next((images for name in (case, case + _CHANNEL) if (images := marked_apart(found.get(name, []))[1])), [])


def probabilities(paths: Iterable[Path]) -> dict[str, Found]:
    """Files called ``CASE_liver`` and ``CASE_lesion``, by structure and case."""
    found: dict[str, Found] = {LIVER_NAME: {}, LESION_NAME: {}}
    for path in paths:
        if parts := _PROBABILITIES.fullmatch(stem(path)):
            case = case_names.read(parts[1]).case
            found[parts[2].lower()].setdefault(case, []).append(path)
    return found


def _is_volume(path: Path, folder: Path) -> bool:
    if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
        return False
    return is_segmentation(path) if path.suffix.lower() == _DICOM else stem(path) != path.name
