"""The CT series of a folder of DICOM files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path

from ..files.dicom_header import Header
from ..files.dicom_scan import looks_like_dicom, scan
from . import contents
from .case import CohortCase

_IRCAD = "patient_dicom"
"""What 3D-IRCADb-01 calls the CT's folder of every patient: the folder that it is in names the patient."""

_LEAST_LETTERS = 6


def has_dicom(paths: Iterable[Path]) -> bool:
    """Whether one of these files looks like DICOM by its first bytes."""
    return any(looks_like_dicom(path) for path in paths)


def cases(folder: Path) -> tuple[list[CohortCase], list[str]]:
    """The CT series that lie in a folder, not in those inside it.

    A single one is called by its folder, several by ``FOLDER-HASH`` with as much of the SHA-256 of their UIDs as tells
    them apart: names go into files that are passed on, and UIDs often hold dates and the scanner's number. Where all
    images are damaged, the folder is a case whose failure will be said.

    Returns:
        The cases, and in words each series left out: of another modality, or of localisers or a single image beside
        longer ones.
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    found = scan(files)
    name = _name(folder)
    if found.damaged and not found.series:
        return [CohortCase(name, folder, contents.size(found.damaged), None, found.damaged)], []
    wanted = _wanted(found.series)
    names = {uid: f"{name}-{start}" for uid, start in _hashes(wanted).items()} if len(wanted) > 1 else {}
    of = {uid: tuple(header.file for header in found.series[uid]) for uid in wanted}
    listed = [CohortCase(names.get(uid, name), folder, contents.size(of[uid]), uid, of[uid]) for uid in wanted]
    return listed, [f"{uid} in {folder.name}" for uid in found.series if uid not in wanted]


def _wanted(series: dict[str, list[Header]]) -> list[str]:
    scans = [uid for uid in sorted(series) if any(header["modality"] in ("CT", "") for header in series[uid])]
    slices = {uid: sum(not header.is_localiser for header in series[uid]) for uid in scans}
    longest = max(slices.values(), default=0)
    return [uid for uid in scans if slices[uid] > 1 or longest <= 1]


def _name(folder: Path) -> str:
    full = folder.resolve()
    return full.parent.name if full.name.lower() == _IRCAD else full.name


def _hashes(uids: Collection[str]) -> dict[str, str]:
    """The first letters of the SHA-256 of each UID, as few as tell them apart."""
    whole = {uid: sha256(uid.encode()).hexdigest() for uid in uids}
    count = _LEAST_LETTERS
    while len({each[:count] for each in whole.values()}) < len(whole):
        count += 1
    return {uid: each[:count] for uid, each in whole.items()}
