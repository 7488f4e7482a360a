"""The CT series of a folder of DICOM files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import SimpleITK as sitk

from . import contents
from .case import CohortCase

_MODALITY = "0008|0060"
_IRCAD = "patient_dicom"
"""What 3D-IRCADb-01 calls the CT's folder of every patient: the folder that it is in names the patient."""

_GROUPS = (b"\x02\x00", b"\x08\x00")
"""How files without DICOM's preamble begin: with their first tag's group."""


def has_dicom(paths: Iterable[Path]) -> bool:
    """Whether one of these files looks like DICOM by its first bytes (PS3.10, section 7.1)."""
    return any(_looks_like_dicom(path) for path in paths)


def cases(folder: Path) -> tuple[list[CohortCase], list[str]]:
    """The CT series that lie in a folder, not in those inside it.

    A single one is called by its folder, several by ``FOLDER-END`` with as much of the end of their UIDs as tells them
    apart.

    Returns:
        The cases, and in words each series left out: of another modality, or of a single image, as localisers are,
        beside longer ones.
    """
    series = {
        uid: list(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    }
    wanted = _wanted(series)
    name = _name(folder)
    names = {uid: f"{name}-{end}" for uid, end in _ends(wanted).items()} if len(wanted) > 1 else {}
    files = {uid: tuple(map(Path, series[uid])) for uid in wanted}
    found = [CohortCase(names.get(uid, name), folder, contents.size(files[uid]), uid, files[uid]) for uid in wanted]
    return found, [f"{uid} in {folder.name}" for uid in series if uid not in wanted]


def _wanted(series: dict[str, list[str]]) -> list[str]:
    scans = [uid for uid in sorted(series) if _modality(series[uid][0]) in ("CT", "")]
    longest = max((len(series[uid]) for uid in scans), default=0)
    return [uid for uid in scans if len(series[uid]) > 1 or longest == 1]


def _modality(file: str) -> str:
    """What a file states, empty where it is damaged: reading the series then says so."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return ""
    return reader.GetMetaData(_MODALITY).strip() if reader.HasMetaDataKey(_MODALITY) else ""


def _name(folder: Path) -> str:
    full = folder.resolve()
    return full.parent.name if full.name.lower() == _IRCAD else full.name


def _ends(uids: Collection[str]) -> dict[str, str]:
    """The last numbers of each UID, as few as tell them apart."""
    for count in range(1, max((uid.count(".") for uid in uids), default=0) + 2):
        ends = {uid: ".".join(uid.split(".")[-count:]) for uid in uids}
        if len(set(ends.values())) == len(ends):
            break
    return ends


def _looks_like_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as content:
            start = content.read(132)
    except OSError:
        return False
    return start[128:] == b"DICM" or start[:2] in _GROUPS
