"""What was uploaded or chosen, as CTs to read: volume files and DICOM series, also in folders and zip files."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..errors import UserError
from ..files.dicom_header import Header, image_reader
from ..files.dicom_scan import Scan, files_in, looks_like_dicom, scan
from ..volume import Volume
from .file_names import free_path
from .unpacking import MOST_BYTES, unpack

_ZIP, _MASK = ".zip", ".seg.nrrd"
_UNPACKED = ".unpacked"
"""No upload is called so: their names begin with no dot."""

_WORD = re.compile(r"[^\W_]{2,}|[^\W_\x00-\x7f]")
"""Of a name or number; one letter alone is one only in scripts such as Chinese."""

_NUMBER = re.compile(r"\d{6}")
"""What a date of birth or a patient's number has in it."""

_GIVE = "give a NIfTI, NRRD or MetaImage file, a folder of DICOM files, or a zip file of one"


@dataclass(frozen=True)
class Candidate:
    """A CT that can be read.

    Args:
        title: for the user; nothing of the patient is in it but what the user wrote into the names of files.
        path: the volume file, or the folder of the DICOM series.
        series: UID of the DICOM series; empty for a file.
    """

    title: str
    path: Path
    series: str = ""


def candidates(path: Path, room: Path, most_bytes: int = MOST_BYTES) -> list[Candidate]:
    """Find the CTs of what was uploaded or chosen; where there are several, the user has to choose.

    Segmentations of 3D Slicer (``.seg.nrrd``) and, where there are others, DICOM series of another modality or of
    localisers are left out.

    Args:
        path: a file, a zip file, or a folder of files or of a single zip file.
        room: folder of the session in which a zip file is unpacked, in place of the one before.
        most_bytes: that a zip file may unpack to.

    Returns:
        At least one, volume files first.

    Raises:
        UserError: there is none, a zip file cannot be unpacked, or only damaged DICOM images are there.
    """
    if path.is_dir():
        inside = files_in(path)
        if len(inside) != 1:
            return _in_folder(path, "The folder")
        path = inside[0]
    if path.name.lower().endswith(_ZIP):
        forget(room)
        folder = free_path(room / _UNPACKED)
        unpack(path, folder, most_bytes)
        return _in_folder(folder, path.name)
    return [_file(path)]


def forget(room: Path) -> None:
    """Delete what :func:`candidates` has unpacked."""
    shutil.rmtree(room / _UNPACKED, ignore_errors=True)


def read(candidate: Candidate) -> Volume:
    """Read a CT, also where it does not look like one in HU; a warning says so.

    Raises:
        UserError: as :func:`LiverTumorSegLib.files.read_volume`, without the places of files on the server.
    """
    series = candidate.series if candidate.path.is_dir() else None  # an empty UID is one, too
    try:
        return files.read_volume(candidate.path, series=series, force=True)
    except UserError as error:
        raise UserError(_without_places(str(error), candidate.path)) from error


def is_volume(path: Path) -> bool:
    """Whether a file is called as a volume that can be read, and not as a segmentation of 3D Slicer."""
    return files.stem(path) != path.name and not path.name.lower().endswith(_MASK)


def _file(path: Path) -> Candidate:
    if is_volume(path):
        return Candidate(path.name, path)
    if looks_like_dicom(path):
        msg = f"{path.name} is a single DICOM file: give the folder of its series, or a zip file of it."
        raise UserError(msg)
    what = "a segmentation, not a CT" if path.name.lower().endswith(_MASK) else "in no format that is read here"
    msg = f"{path.name} is {what}: {_GIVE}."
    raise UserError(msg)


def _in_folder(folder: Path, name: str) -> list[Candidate]:
    inside = files_in(folder)
    volumes = [path for path in inside if is_volume(path)]
    found = [Candidate(path.relative_to(folder).as_posix(), path) for path in volumes]
    images = scan(path for path in inside if files.stem(path) == path.name)
    found += [
        Candidate(f"Series {number}: {_title(images.series[uid])}", folder, uid)
        for number, uid in enumerate(_ct_series(images), 1)
    ]
    if not found:
        raise _nothing(images, folder, name)
    return found


def _ct_series(images: Scan) -> list[str]:
    """UIDs of the series of CT slices, or of single images where there are no others."""
    series = {uid: found for uid, found in sorted(images.series.items()) if found[0]["modality"] in ("CT", "")}
    stacks = [uid for uid, found in series.items() if sum(not header.is_localiser for header in found) > 1]
    return stacks or list(series)


def _title(headers: list[Header]) -> str:
    slices = [header for header in headers if not header.is_localiser] or headers
    columns, rows, *_ = slices[0].size
    return f"{_description(slices[0])}{len(slices)} slices of {columns} x {rows}"


def _description(header: Header) -> str:
    """What the scanner calls the series, unless that repeats what the header says of the patient or is unreadable."""
    text = header["description"]
    folded = text.casefold()
    of_patient = _NUMBER.search(text) or any(word.casefold() in folded for word in _WORD.findall(_patient(header)))
    return "" if of_patient or not text or "�" in text else f"{text}, "


def _patient(header: Header) -> str:
    reader = image_reader(header.file)
    reader.ReadImageInformation()
    told = " ".join(reader.GetMetaData(tag) for tag in reader.GetMetaDataKeys() if tag.startswith("0010|"))
    return told.encode(errors="surrogateescape").decode(errors="replace")


def _nothing(images: Scan, folder: Path, name: str) -> UserError:
    try:
        images.refuse_damaged()
    except UserError as error:
        return UserError(_without_places(str(error), folder))
    others = sorted({found[0]["modality"] for found in images.series.values()})
    holds = f"holds {' and '.join(others)} images, but no CT" if others else "holds no CT"
    return UserError(f"{name} {holds}: {_GIVE}.")


def _without_places(sentence: str, path: Path) -> str:
    """A sentence without folders on the server, nor names of DICOM files, which are often made of patients'."""
    if not path.is_dir():
        return sentence.replace(str(path), path.name)
    for file in reversed(files_in(path)):  # a name before those that it begins with
        sentence = sentence.replace(str(file), "A file of the series")
    return sentence.replace(str(path), "The series")
