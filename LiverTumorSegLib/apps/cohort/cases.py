"""The CTs of a cohort, found in a folder or a list, each with its name and its fingerprint.

Names are those that ``evaluate`` pairs by (:mod:`LiverTumorSegLib.core.case_names`), so that a folder of
outputs can be compared with a folder of references as it is. nnU-Net's ``_0000`` is left off where all names end so, as
its references lack it; a single ``_0000`` among others is a number like theirs.

A list is a text file with a path a line, or a CSV with the columns ``image``, ``case`` and ``series``. Paths may be
relative to the folder of the list. In text, empty lines and those that begin with ``#`` say nothing.
"""

from __future__ import annotations

import csv
import glob
import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from ...core import case_names, text_files
from ...core.errors import UserError
from ...core.progress import CancelToken
from ...core.ranks import Rank
from ...io.dicom_files import looks_like_dicom, scan_files
from ...io.dicom_header import Header
from ...io.volumes import stem

_HEADERS = (".mhd", ".mha", ".nhdr", ".nrrd")
_HEADER_BYTES = 2**16
_DATA_KEY = re.compile(r"^(?:ElementDataFile\s*=|data ?file:)", re.IGNORECASE | re.MULTILINE)
_NUMBER_FORMAT = re.compile(r"%\d*d")
_SAMPLES = 9
_SAMPLE_BYTES = 2**18


def total_bytes(files: Iterable[Path]) -> int:
    """Bytes of files; those that cannot be asked, such as broken links, count as none."""
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.stat().st_size
    return total


def fingerprint(files: Collection[Path], series: str | None = None) -> str:
    """A hash of a CT's files that stays when they are moved or copied, and tells nothing of them.

    It follows from the sizes, from samples of the first, middle and last file, and of several files also from their
    names. Samples lie from the beginning to the end of a file, since two CTs may share their header and an empty
    first and last slice. Data files that a MetaImage or NRRD header names are the CT's, too.

    Args:
        files: of the CT, in any order; those that cannot be read count as empty.
        series: UID of the DICOM series, as a folder may hold several.

    Returns:
        SHA-256 in hexadecimal digits.
    """
    digest = sha256((series or "").encode())
    parts = sorted({part for file in files for part in (file, *_data_files(file))})
    for part in parts:
        name = part.name if len(parts) > 1 else ""
        digest.update(f"\0{name}\0{total_bytes([part])}\0".encode("utf-8", "surrogateescape"))
    for number in sorted({0, len(parts) // 2, len(parts) - 1} if parts else ()):
        for sample in _samples(parts[number]):
            digest.update(sample)
    return digest.hexdigest()


def _samples(path: Path) -> Iterator[bytes]:
    if not path.is_file():  # a pipe would be waited for without end
        return
    with suppress(OSError), path.open("rb") as content:
        last = max(path.stat().st_size - _SAMPLE_BYTES, 0)
        for start in sorted({last * number // (_SAMPLES - 1) for number in range(_SAMPLES)}):
            content.seek(start)
            yield content.read(_SAMPLE_BYTES)


def _data_files(file: Path) -> Iterator[Path]:
    """The files that a header says the voxels are in: one, a list, or names with a number such as ``%03d`` in them."""
    if file.suffix.lower() not in _HEADERS:
        return
    text = _header_text(file)
    key = _DATA_KEY.search(text)
    if key is None:
        return
    first, *following = text[key.end() :].splitlines() or [""]
    for name in following if first.split()[:1] == ["LIST"] else [first]:
        with suppress(OSError, ValueError):  # it is no name that a file can have
            yield from _files_called(file.parent / name.strip())


def _files_called(path: Path) -> list[Path]:
    if "%" not in path.name or path.is_file():
        return [path] if path.is_file() else []
    return sorted(path.parent.glob(_NUMBER_FORMAT.sub("*", glob.escape(path.name.split()[0]))))


def _header_text(header: Path) -> str:
    if not header.is_file():
        return ""
    with suppress(OSError), header.open("rb") as content:
        return content.read(_HEADER_BYTES).decode("utf-8", "replace").replace("\0", " ")
    return ""


_NO_FILE_NAME = re.compile(r'^\.|[\\/:*?"<>|\x00-\x1f]')


@dataclass(frozen=True)
class CohortCase:
    """A CT of a cohort: where it is and what its outputs are called.

    Args:
        name: of the case.
        path: file, or folder of DICOM files.
        size: bytes of its files, 0 where they are not there.
        series: UID of the DICOM series.
        files: of a folder; none where the path is the file.
    """

    name: str
    path: Path
    size: int
    series: str | None = None
    files: tuple[Path, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Checksum that tells it from another CT of this name, of :func:`fingerprint`."""
        return fingerprint(self.files or (self.path,), self.series)


def refuse_clashes(cases: Iterable[CohortCase]) -> None:
    """Refuse names that cannot be those of files, or that two CTs share, also where only capitals tell them apart.

    Raises:
        UserError: there is one.
    """
    known: dict[str, CohortCase] = {}
    for case in cases:
        if not case.name or _NO_FILE_NAME.search(case.name):
            msg = f"{case.path} would be the case “{case.name}”, which cannot be the name of a file: rename it."
            raise UserError(msg)
        other = known.setdefault(case.name.casefold(), case)
        if other is not case:
            msg = (
                f"{other.path} and {case.path} would both be the case {case.name}: rename one, or list the CTs in a "
                "CSV with the columns image and case."
            )
            raise UserError(msg)


_LIST_COLUMNS = ("image", "case", "series")


def read_case_list(path: Path) -> list[CohortCase]:
    """Read a list; whether its CTs can be read is seen when it is their turn.

    Raises:
        UserError: it is no list, cannot be read, or has other columns or a row that does not fit them.
    """
    if path.suffix.lower() not in (".csv", ".txt"):
        msg = f"{path} is neither a folder nor a list that ends in .csv or .txt: give one of these."
        raise UserError(msg)
    try:
        lines = io.StringIO(text_files.read_text(path), newline="")
        rows = _csv_rows(csv.reader(lines), path) if path.suffix.lower() == ".csv" else _text_rows(lines)
        return [_listed_case(path.parent, **row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read as text in UTF-8 ({getattr(error, 'strerror', None) or error}): save it again."
        raise UserError(msg) from error


def _text_rows(text: Iterator[str]) -> Iterator[dict[str, str]]:
    for line in text:
        if line.strip() and not line.startswith("#"):
            yield {"image": line.strip()}


def _csv_rows(lines: Iterator[list[str]], path: Path) -> Iterator[dict[str, str]]:
    columns = [name.strip() for name in next(lines, [])]
    if "image" not in columns or len(set(columns)) < len(columns) or set(columns) - set(_LIST_COLUMNS):
        own = ", ".join(columns) or "none"
        msg = f"{path} has the columns {own}: use {', '.join(_LIST_COLUMNS)}, of which image is needed."
        raise UserError(msg)
    for number, cells in enumerate(lines, 2):
        if not any(cells):
            continue
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        if len(cells) > len(columns) or not row.get("image"):
            msg = f"Row {number} of {path} does not fit the header {','.join(columns)}: correct it."
            raise UserError(msg)
        yield row


def _listed_case(folder: Path, image: str, case: str = "", series: str = "") -> CohortCase:
    if "\0" in image:
        msg = f"“{image}” cannot be the name of a file: correct the list."
        raise UserError(msg)
    path = folder / image
    files = tuple(_files_in(path))
    name = case or case_names.parse_case_name(Path(os.path.realpath(path)).name if files else stem(path)).case
    return CohortCase(name, path, total_bytes(files or (path,)), series or None, files)


def _files_in(path: Path) -> Iterator[Path]:
    """All in a folder but what is hidden, which programs that show folders leave there."""
    for place, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


_IRCAD = "patient_dicom"
"""Name of the CT's folder of every patient in 3D-IRCADb-01: the folder that it is in names the patient."""

_LEAST_LETTERS = 6


def has_dicom(paths: Iterable[Path]) -> bool:
    """Whether one of these files looks like DICOM by its first bytes."""
    return any(looks_like_dicom(path) for path in paths)


def dicom_cases(folder: Path) -> tuple[list[CohortCase], list[str]]:
    """The CT series that lie in a folder, not in those inside it.

    A single one is called by its folder, several by ``FOLDER-HASH`` with as much of the SHA-256 of their UIDs as tells
    them apart: names go into files that are passed on, and UIDs often hold dates and the scanner's number. Where all
    images are damaged, the folder is a case whose failure will be said.

    Returns:
        The cases, and in words each series left out: of another modality, or of localisers or a single image beside
        longer ones.
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    found = scan_files(files)
    name = _folder_name(folder)
    if found.damaged and not found.series:
        return [CohortCase(name, folder, total_bytes(found.damaged), None, found.damaged)], []
    wanted = _ct_series(found.series)
    names = {uid: f"{name}-{start}" for uid, start in _hashes(wanted).items()} if len(wanted) > 1 else {}
    of = {uid: tuple(dict.fromkeys(header.file for header in found.series[uid])) for uid in wanted}
    listed = [CohortCase(names.get(uid, name), folder, total_bytes(of[uid]), uid, of[uid]) for uid in wanted]
    return listed, [f"{uid} in {folder.name}" for uid in found.series if uid not in wanted]


def _ct_series(series: dict[str, list[Header]]) -> list[str]:
    scans = [uid for uid in sorted(series) if any(header["modality"] in ("CT", "") for header in series[uid])]
    slices = {uid: sum(not header.is_localiser for header in series[uid]) for uid in scans}
    longest = max(slices.values(), default=0)
    return [uid for uid in scans if slices[uid] > 1 or longest <= 1]


def _folder_name(folder: Path) -> str:
    full = folder.resolve()
    return full.parent.name if full.name.lower() == _IRCAD else full.name


def _hashes(uids: Collection[str]) -> dict[str, str]:
    """The first letters of the SHA-256 of each UID, as few as tell them apart."""
    whole = {uid: sha256(uid.encode()).hexdigest() for uid in uids}
    count = _LEAST_LETTERS
    while len({each[:count] for each in whole.values()}) < len(whole):
        count += 1
    return {uid: each[:count] for uid, each in whole.items()}


_CHANNEL = "_0000"
_MASK_FILE = ".seg.nrrd"
_MASK_FOLDER = re.compile(r"(labels?|masks?|segmentations?)(T[rs])?|(masks|labelled)_dicom", re.IGNORECASE)
"""Folders of masks: of MSD and nnU-Net (``labelsTr``), of 3D-IRCADb-01 (``MASKS_DICOM``), and as people call them."""

LeftOut = dict[str, list[str]]
"""Files and folders that were left out, by why."""


@dataclass(frozen=True)
class FoundCases:
    """The CTs of a cohort.

    Args:
        cases: sorted by name.
        remarks: what was left out, a sentence a reason.
    """

    cases: tuple[CohortCase, ...]
    remarks: tuple[str, ...] = ()


def find(source: Path, others: Collection[Path] = (), cancel: CancelToken | None = None) -> FoundCases:
    """Find CTs.

    Args:
        source: folder that is searched with all in it for NIfTI, NRRD and MetaImage files and for folders of DICOM
            files, also where links lead; or a list, as above. Hidden files, masks, and DICOM series other
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
    cases = _in_folder(source, others, left_out, cancel or CancelToken()) if source.is_dir() else read_case_list(source)
    remarks = tuple(_remark(why, which) for why, which in left_out.items())
    if not cases:
        reason = f" ({remarks[0].rstrip('.')})" if remarks else ""
        msg = f"{source} holds no CT{reason}: give a folder of NIfTI, NRRD or MetaImage files or of DICOM folders."
        raise UserError(msg)
    refuse_clashes(cases)
    return FoundCases(tuple(sorted(cases, key=lambda case: case_names.natural_sort_key(case.name))), remarks)


def _in_folder(source: Path, others: Collection[Path], left_out: LeftOut, cancel: CancelToken) -> list[CohortCase]:
    volumes: list[Path] = []
    cases: list[CohortCase] = []
    for place, paths in _folders_with_files(source, {other.resolve() for other in others}):
        cancel.check()
        found, rest = _split(paths, lambda path: stem(path) != path.name)
        masks, cts = _split(found, lambda path: _is_mask(path, source))
        volumes += cts
        _add_left_out(left_out, "masks by their names or folders", [path.name for path in masks])
        if not _is_in_mask_folder(place, source) and has_dicom(rest):
            series, no_cts = dicom_cases(place)
            cases += series
            _add_left_out(left_out, "DICOM series that are no CTs to segment", no_cts)
    return cases + _volume_cases(volumes)


def _split(paths: Iterable[Path], is_so: Callable[[Path], bool]) -> tuple[list[Path], list[Path]]:
    """The paths of which something is so, and the others, in their order."""
    kinds: tuple[list[Path], list[Path]] = [], []
    for path in paths:
        kinds[not is_so(path)].append(path)
    return kinds


def _folders_with_files(source: Path, others: Collection[Path]) -> Iterator[tuple[Path, list[Path]]]:
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
    marked = path.name.lower().endswith(_MASK_FILE) or case_names.parse_case_name(stem(path)).is_mask
    return marked or _is_in_mask_folder(path.parent, source)


def _is_in_mask_folder(place: Path, source: Path) -> bool:
    return any(_MASK_FOLDER.fullmatch(part) for part in place.relative_to(source).parts)


def _volume_cases(volumes: list[Path]) -> list[CohortCase]:
    names = [case_names.parse_case_name(stem(path)).case for path in volumes]
    if all(name.endswith(_CHANNEL) for name in names):
        names = [name.removesuffix(_CHANNEL) for name in names]
    return [CohortCase(name, path, total_bytes([path])) for name, path in zip(names, volumes, strict=True)]


def _add_left_out(left_out: LeftOut, why: str, which: list[str]) -> None:
    if which:
        left_out.setdefault(why, []).extend(which)


def _remark(why: str, which: list[str]) -> str:
    return f"Left out as {why}: {len(which)}, such as {which[0]}."


def share_cases(cases: Iterable[CohortCase], rank: Rank) -> list[CohortCase]:
    """The cases of a rank: the largest first, dealt round; the same in every process that sees the same files."""
    ordered = sorted(cases, key=lambda case: (-case.size, case_names.natural_sort_key(case.name)))
    return ordered[rank.number :: rank.count]
