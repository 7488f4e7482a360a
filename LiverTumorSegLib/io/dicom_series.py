"""A folder of DICOM files, or an enhanced CT: one CT series, placed by the positions its slices state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.errors import UserError
from .dicom_files import DicomScan, list_files, scan_files
from .dicom_frame_pixels import planes
from .dicom_frames import FrameHeader
from .dicom_geometry import PlacedSlices, place_slices
from .dicom_header import UNREADABLE, Header, make_image_reader, read_header, shorten_value
from .dicom_stacks import series_uid, stack_name
from .limits import refuse_too_many_voxels
from .raw_image import RawImage

_LISTED = 20
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
"""A number as DICOM writes it (PS3.5, section 6.2, IS)."""


def read(folder: Path, series: str | None = None) -> RawImage:
    """Read the CT series of a folder and the folders in it, without the localisers among its slices.

    Args:
        folder: where the files are, or the one file of an enhanced CT.
        series: UID of the series, or the end of it; needed where there are several, those of localisers, segmentations
            and other modalities not counted. A stack of an enhanced CT that holds several is one of them.

    Raises:
        UserError: no DICOM, several series, no CT, slices missing or doubled, or damaged files.
    """
    slices, warnings = place_files([folder] if folder.is_file() else list_files(folder), folder, series)
    frames = slices.frames if any(slices.frames) else ()
    return RawImage(read_voxels(slices.headers), slices.affine, warnings=warnings, images=slices.files, frames=frames)


def place_files(files: Iterable[Path], folder: Path, series: str | None = None) -> tuple[PlacedSlices, tuple[str, ...]]:
    """Find the CT series among files, and put its slices in their order, without reading a pixel.

    Args:
        files: in any order, of any kind.
        folder: that an error names.
        series: as of :func:`read`.

    Returns:
        The slices, and what is suspicious about them, a sentence each.

    Raises:
        UserError: as :func:`read`.
    """
    found = scan_files(dict.fromkeys(files))
    return _placed(found, _choose(found, series, folder), folder)


def place_stacks(files: Iterable[Path], folder: Path) -> list[PlacedSlices]:
    """The slices of the one CT series among files: all its stacks that can be placed where it is an enhanced CT.

    Raises:
        UserError: as :func:`place_files`; a stack beside others is left out instead.
    """
    found = scan_files(dict.fromkeys(files))
    slices = [uid for uid, headers in found.series.items() if any(map(_is_slice, headers))]
    if len(slices) < 2 or len({series_uid(uid) for uid in slices}) > 1:
        return [_placed(found, _choose(found, None, folder), folder)[0]]
    placed = []
    for uid in slices:
        with suppress(UserError):
            placed.append(_placed(found, uid, folder)[0])
    return placed


def _placed(found: DicomScan, uid: str, folder: Path) -> tuple[PlacedSlices, tuple[str, ...]]:
    found.refuse_damaged(uid)
    headers = [header for header in found.series[uid] if not header.is_localiser] or found.series[uid]
    _refuse_problems(found.series[uid])
    for header in headers:
        _refuse_non_ct(header, folder)
    _refuse_mixed(headers, folder)
    slices = place_slices(headers, folder)
    refuse_too_many_voxels((*headers[0].size[:2], len(headers)), folder)
    return slices, (*found.warnings, *slices.warnings)


def _choose(found: DicomScan, series: str | None, folder: Path) -> str:
    if not found.series:
        found.refuse_damaged()
        msg = f"{folder} holds no DICOM images: give the folder of a CT series."
        raise UserError(msg)
    if series in found.series:  # others may end in it
        return series
    fitting = [uid for uid in found.series if series is None or uid.endswith(series)]
    fitting = [uid for uid in fitting if any(_is_slice(header) for header in found.series[uid])] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if len(found.series) == 1:  # whose stacks cannot be told
        _refuse_problems(next(iter(found.series.values())))
    if len(fitting) > 1 and len({series_uid(uid) for uid in fitting}) == 1:
        stacks = ", ".join(f"{stack_name(uid)} of {len(found.series[uid])} images" for uid in fitting[:_LISTED])
        msg = (
            f"{folder} holds {len(fitting)} stacks of slices in one series ({stacks}): choose one with --series "
            f"{stack_name(fitting[0])}."
        )
        raise UserError(msg)
    listed = [f"{shorten_value(uid)} ({_describe_series(headers)})" for uid, headers in sorted(found.series.items())]
    others = f"; and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    wrong = "several" if series is None else "no single one that ends so among its"
    choose = "choose one with --series, or in a list of cases by its column “series”"
    msg = f"{folder} holds {wrong} series: {choose}: {'; '.join(listed[:_LISTED])}{others}."
    raise UserError(msg)


def _is_slice(header: Header) -> bool:
    """Whether it is of a CT, beside which studies hold segmentations, reports and presentation states of it."""
    return header["modality"] == "CT" and not header.is_localiser


def _describe_series(headers: Sequence[Header]) -> str:
    words = [headers[0]["modality"], headers[0]["description"], f"{len(headers)} images"]
    return ", ".join(shorten_value(word) for word in words if word)


def _refuse_problems(headers: Iterable[Header]) -> None:
    for header in headers:
        if header.problem:
            raise UserError(header.problem)


def _refuse_non_ct(header: Header, folder: Path) -> None:
    """Refuse images whose pixels are no CT numbers, or that are not turned into them as the standard says."""
    if header["modality"] != "CT":
        stated = shorten_value(header["modality"]) or "images of no stated kind"
        msg = f"{folder} holds {stated}, not CT: give a CT series."
        raise UserError(msg)
    if header.components != 1 or header["photometric interpretation"] not in ("", "MONOCHROME2"):
        stated = shorten_value(header["photometric interpretation"])
        msg = f"{folder} holds images in colour or inverted ({stated}), not plain CT numbers: give a CT series."
        raise UserError(msg)
    if header.frames != 1:
        msg = (
            f"{header.file} holds {header.frames} slices in one file and is not an enhanced CT: export it as a series."
        )
        raise UserError(msg)
    if _has_shifted_bits(header) or not _is_scaled(header):
        msg = f"{header.file} does not say how its pixels become CT numbers: export the series again."
        raise UserError(msg)


def _has_shifted_bits(header: Header) -> bool:
    """Whether a pixel's bits do not begin at the lowest one, which DICOM gave up and GDCM ignores."""
    stored, high = header["bits stored"], header["high bit"]
    return stored.isdecimal() and high.isdecimal() and int(high) != int(stored) - 1


def _is_scaled(header: Header) -> bool:
    """Whether pixels can be turned into HU by what is stated; GDCM takes what is not stated, or is zero, for 1 or 0."""
    try:
        (slope,) = header.numbers("slope", 1) if header["slope"] else (1.0,)
        _ = header.numbers("intercept", 1) if header["intercept"] else ()
    except ValueError:
        return False
    return slope != 0


def _refuse_mixed(headers: Sequence[Header], folder: Path) -> None:
    for name in ("patient", "frame of reference"):
        if len({header[name] for header in headers if header[name]}) > 1:
            msg = f"{folder} mixes images of more than one {name} in one series: keep those of one."
            raise UserError(msg)


def instance_numbers(files: Sequence[Path]) -> list[int]:
    """What the images of a series call themselves (PS3.3, section C.7.6.1); empty unless each has a number of its own.

    Args:
        files: of the images, in any order, in which the numbers come; those of an enhanced CT's slices are one file.

    Raises:
        UserError: as :func:`LiverTumorSegLib.io.dicom_header.read_header`.
    """
    if len(set(files)) < len(files):
        return []
    headers = [read_header(file) for file in files]
    stated = [header["instance number"] for header in headers if header]
    if len(set(stated)) < len(files) or not all(_WHOLE_NUMBER.fullmatch(number) for number in stated):
        return []
    return [int(number) for number in stated]


def read_voxels(headers: Sequence[Header]) -> NDArray:
    """HU ``[slice, row, column]``, of a type that holds what every slice says of its own scale."""
    first = headers[0]
    voxels = np.empty((len(headers), *first.size[1::-1]), np.int16 if first.frame else _plane(first.file).dtype)
    for number, plane in _planes(headers):
        voxels = voxels.astype(np.promote_types(voxels.dtype, plane.dtype), copy=False)
        voxels[number] = plane
    return voxels


def _planes(headers: Sequence[Header]) -> Iterator[tuple[int, NDArray]]:
    """HU of each slice with its number, those of one file together."""
    of_files: dict[Path, list[tuple[int, FrameHeader]]] = {}
    for number, header in enumerate(headers):
        if isinstance(header, FrameHeader):
            of_files.setdefault(header.file, []).append((number, header))
        else:
            yield number, _plane(header.file)
    for frames in of_files.values():
        yield from zip([number for number, _ in frames], planes([header for _, header in frames]), strict=True)


def _plane(file: Path) -> NDArray:
    try:
        plane: NDArray = sitk.GetArrayFromImage(make_image_reader(file).Execute())[0]
    except RuntimeError as error:
        raise UserError(UNREADABLE.format(file)) from error
    return plane
