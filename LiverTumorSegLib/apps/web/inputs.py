"""CTs that were uploaded or lie in the folder given at start: volume files, DICOM series, folders and zip files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PureWindowsPath

from ...core.errors import UserError
from ...core.safe_zip import MOST_BYTES, free_path, unpack_zip
from ...core.sanitize import to_one_line
from ...core.volume import Volume
from ...io import text_header
from ...io import volumes as files
from ...io.dicom_files import DicomScan, is_hidden, list_files, looks_like_dicom, scan_files
from ...io.dicom_frames import is_enhanced_ct
from ...io.dicom_header import Header, make_image_reader
from ...io.text_header import locate_voxels

_ZIP, _MASK = ".zip", ".seg.nrrd"
_UNPACKED = ".unpacked"
"""No upload is called so: their names begin with no dot."""

_WORD = re.compile(r"[^\W_]{2,}|[^\W_\x00-\x7f]")
"""Of a name or number; one letter alone is one only in scripts such as Chinese."""

_NUMBER = re.compile(r"\d{6}")
"""Digits as in a date of birth or a patient's number."""

NAMELESS = "DICOM series"
"""A CT whose scanner gave it no description that can be shown."""

_ADVICE = "give a NIfTI, NRRD or MetaImage file, a folder of DICOM files, or a zip file of one"


@dataclass(frozen=True)
class Candidate:
    """A CT that can be read.

    Args:
        title: for the user; nothing of the patient is in it but what the user wrote into the names of files.
        path: the volume file, or the folder of the DICOM series.
        series: UID of the DICOM series; empty for a file.
        description: that the scanner gave the series, unless it tells of the patient; empty for none.
    """

    title: str
    path: Path
    series: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """What the CT is called once it is open."""
        return self.description or (NAMELESS if self.series else files.stem(self.path))


def find_candidates(path: Path, room: Path, most_bytes: int = MOST_BYTES) -> list[Candidate]:
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
        inside = list_files(path)
        if len(inside) != 1:
            return _in_folder(path, "The folder")
        path = inside[0]
    if path.name.lower().endswith(_ZIP):
        delete_unpacked(room)
        folder = free_path(room / _UNPACKED)
        unpack_zip(path, folder, most_bytes)
        return _in_folder(folder, path.name)
    if not is_volume(path) and looks_like_dicom(path) and is_enhanced_ct(path):
        return _of_series(scan_files([path]), path, path.name)
    return [_file(path)]


def delete_unpacked(room: Path) -> None:
    """Delete what :func:`candidates` has unpacked."""
    shutil.rmtree(room / _UNPACKED, ignore_errors=True)


def read_candidate(candidate: Candidate) -> Volume:
    """Read a CT, also where it does not look like one in HU; a warning says so.

    Raises:
        UserError: as :func:`LiverTumorSegLib.io.volumes.read_volume`, without the places of files on the server.
    """
    is_file_of_volume = candidate.path.is_file() and is_volume(candidate.path)
    series = None if is_file_of_volume else candidate.series  # an empty UID is one, too
    try:
        return files.read_volume(candidate.path, series=series, force=True)
    except UserError as error:
        raise UserError(_without_paths(str(error), candidate.path)) from error


def is_volume(path: Path) -> bool:
    """Whether a file is called as a volume that can be read, and not as a segmentation of 3D Slicer."""
    return files.stem(path) != path.name and not path.name.lower().endswith(_MASK)


def _file(path: Path) -> Candidate:
    if is_volume(path):
        return Candidate(path.name, path)
    if looks_like_dicom(path):
        msg = f"{path.name} is a single DICOM file: give the folder of its series, or a zip file of it."
        raise UserError(msg)
    what = "a segmentation, not a CT" if path.name.lower().endswith(_MASK) else "in a format that cannot be read"
    msg = f"{path.name} is {what}: {_ADVICE}."
    raise UserError(msg)


def _in_folder(folder: Path, name: str) -> list[Candidate]:
    inside = list_files(folder)
    volumes = [path for path in inside if is_volume(path)]
    found = [Candidate(path.relative_to(folder).as_posix(), path) for path in volumes]
    images = scan_files(path for path in inside if files.stem(path) == path.name)
    if found and not _ct_series(images):
        return found
    return found + _of_series(images, folder, name)


def _of_series(images: DicomScan, path: Path, name: str) -> list[Candidate]:
    """The CT series of a folder, or the stacks of the one file of an enhanced CT."""
    found = [_series(number, images.series[uid], path, uid) for number, uid in enumerate(_ct_series(images), 1)]
    if not found:
        raise _no_ct_error(images, path, name)
    return found


def _ct_series(images: DicomScan) -> list[str]:
    """UIDs of the series of CT slices, or of single images where there are no others."""
    series = {uid: found for uid, found in sorted(images.series.items()) if found[0]["modality"] in ("CT", "")}
    stacks = [uid for uid, found in series.items() if sum(not header.is_localiser for header in found) > 1]
    return stacks or list(series)


def _series(number: int, headers: list[Header], folder: Path, uid: str) -> Candidate:
    slices = [header for header in headers if not header.is_localiser] or headers
    columns, rows, *_ = slices[0].size
    described = _description(slices[0])
    words = ", ".join(filter(None, (described, f"{len(slices)} slices of {columns} x {rows}")))
    return Candidate(f"Series {number}: {words}", folder, uid, described)


def _description(header: Header) -> str:
    """Name that the scanner gave the series, unless it repeats what the header says of the patient or is unreadable."""
    text = header["description"]
    folded = text.casefold()
    of_patient = _NUMBER.search(text) or any(word.casefold() in folded for word in _WORD.findall(_patient(header)))
    return "" if of_patient or "�" in text else text


def _patient(header: Header) -> str:
    reader = make_image_reader(header.file)
    reader.ReadImageInformation()
    told = " ".join(reader.GetMetaData(tag) for tag in reader.GetMetaDataKeys() if tag.startswith("0010|"))
    return told.encode(errors="surrogateescape").decode(errors="replace")


def _no_ct_error(images: DicomScan, folder: Path, name: str) -> UserError:
    try:
        images.refuse_damaged()
    except UserError as error:
        return UserError(_without_paths(str(error), folder))
    others = sorted({found[0]["modality"] for found in images.series.values()})
    holds = f"holds {' and '.join(others)} images, but no CT" if others else "holds no CT"
    return UserError(f"{name} {holds}: {_ADVICE}.")


def _without_paths(sentence: str, path: Path) -> str:
    """A sentence without folders on the server, nor names of DICOM files, which are often made of patients'."""
    if not path.is_dir():
        return sentence.replace(str(path), path.name if is_volume(path) else "The file")
    for file in reversed(list_files(path)):  # a name before those that it begins with
        sentence = sentence.replace(str(file), "A file of the series")
    return sentence.replace(str(path), "The series")


MOST_LISTED, MOST_VISITED = 500, 20_000

_DICOM_PROBES = 5
"""Files of a folder that are asked whether they are DICOM."""


@dataclass(frozen=True)
class Listing:
    """Inputs that can be opened.

    Args:
        names: relative, with ``/``; folders of DICOM files first, then files, each sorted; ``.`` is the folder itself.
        remark: a sentence where there is more than is listed, otherwise empty.
    """

    names: tuple[str, ...]
    remark: str = ""


def list_folder(root: Path, inside: str = "", most: int = MOST_LISTED, most_seen: int = MOST_VISITED) -> Listing:
    """List what can be opened under the folder and the folders in it, but for hidden ones and what links lead to.

    Args:
        root: the folder given at start.
        inside: relative name of a folder in it, for what lies there alone.
        most: names listed.
        most_seen: files and folders looked at, so that a folder of millions is answered soon.

    Raises:
        UserError: as :func:`resolve`.
    """
    base = resolve_name(root, inside)
    found = list(islice(_openable(base, most_seen), most + 1))
    is_cut = len(found) > most or None in found
    kept = [path for path in found[:most] if path is not None]
    kept.sort(key=lambda path: (path.is_file(), path.as_posix().casefold()))
    remark = f"Only the first {len(kept)} CTs are listed: to open another, start with a folder further inside."
    return Listing(tuple(path.relative_to(root.resolve()).as_posix() for path in kept), remark if is_cut else "")


def resolve_name(root: Path, name: str) -> Path:
    """The path of a name under the folder, without links in it.

    Args:
        root: the folder given at start.
        name: relative; empty or ``.`` for the folder itself.

    Raises:
        UserError: it does not exist, is hidden or in a hidden folder, or lies outside the folder, also where a link
            leads.
    """
    shown = to_one_line(name)
    parts = PureWindowsPath(name)  # takes / and \ for separators
    if parts.anchor or name.startswith("~") or ".." in parts.parts:
        raise _outside(shown)
    if is_hidden(parts):
        raise _hidden(shown)
    try:
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # a link to itself is a RuntimeError before Python 3.13
        msg = f"{shown} is not in the folder given at start: choose a name from the list."
        raise UserError(msg) from error
    return _inside(root.resolve(), path, shown)


def refuse_strays(root: Path, path: Path) -> None:
    """Refuse a CT of which something would be read that is hidden, or outside the folder.

    That is a link among the files of a DICOM folder, or a file that a header keeps its voxels in.

    Args:
        root: the folder given at start.
        path: of a file or folder in it, as :func:`resolve` gives it.

    Raises:
        UserError: there is such a file.
    """
    top = root.resolve()
    for file in list_files(path) if path.is_dir() else [path, *_voxel_file(path)]:
        _inside(top, file.resolve(), to_one_line(file.relative_to(top).as_posix()))


def _voxel_file(path: Path) -> list[Path]:
    if path.suffix.lower() not in text_header.ENDINGS or not path.is_file():
        return []
    with suppress(UserError):  # which reading it will say
        return [locate_voxels(text_header.read(path))[0]]
    return []


def _inside(top: Path, path: Path, shown: str) -> Path:
    """The path, where it is one in the folder that may be opened."""
    if not path.is_relative_to(top):
        raise _outside(shown)
    if is_hidden(path.relative_to(top)):
        raise _hidden(shown)
    return path


def _outside(shown: str) -> UserError:
    return UserError(f"{shown} lies outside the folder given at start: choose a name from the list.")


def _hidden(shown: str) -> UserError:
    return UserError(f"{shown} is hidden, or leads to what is: choose a name from the list.")


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
        if any(looks_like_dicom(path) for path in others[:_DICOM_PROBES]):
            yield Path(place)
        yield from (path for path in regular if _is_read_by_name(path))


def _is_read_by_name(path: Path) -> bool:
    return is_volume(path) or path.suffix.lower() == ".zip"
