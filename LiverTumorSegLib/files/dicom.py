"""A folder of DICOM files: one CT series, placed by the positions its slices state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import UserError
from .dicom_header import UNREADABLE, Header, image_reader, shown
from .dicom_scan import Scan, files_in, scan
from .dicom_stack import stack
from .stored import Stored

_LISTED = 20


def read(folder: Path, series: str | None = None) -> Stored:
    """Read the CT series of a folder and the folders in it, without the localisers among its slices.

    Args:
        folder: where the files are.
        series: UID of the series, or the end of it; needed where there are several, those of localisers, segmentations
            and other modalities not counted.

    Raises:
        UserError: no DICOM, several series, no CT, slices missing or doubled, or damaged files.
    """
    found = scan(files_in(folder))
    uid = _choose(found, series, folder)
    found.refuse_damaged(uid)
    headers = [header for header in found.series[uid] if not header.is_localiser] or found.series[uid]
    for header in headers:
        _refuse_other_kinds(header, folder)
    _refuse_mixed(headers, folder)
    slices = stack(headers, folder)
    warnings = (*found.warnings, *slices.warnings)
    return Stored(_voxels(slices.files), slices.affine, warnings=warnings, images=slices.files)


def _choose(found: Scan, series: str | None, folder: Path) -> str:
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
    listed = [f"{shown(uid)} ({_words(headers)})" for uid, headers in sorted(found.series.items())]
    others = f"; and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    wrong = "several" if series is None else "no single one that ends so among its"
    msg = f"{folder} holds {wrong} series: choose one with --series: {'; '.join(listed[:_LISTED])}{others}."
    raise UserError(msg)


def _is_slice(header: Header) -> bool:
    """Whether it is of a CT, beside which studies hold segmentations, reports and presentation states of it."""
    return header["modality"] == "CT" and not header.is_localiser


def _words(headers: Sequence[Header]) -> str:
    words = [headers[0]["modality"], headers[0]["description"], f"{len(headers)} images"]
    return ", ".join(shown(word) for word in words if word)


def _refuse_other_kinds(header: Header, folder: Path) -> None:
    """Refuse images whose pixels are no CT numbers, or that are not turned into them as the standard says."""
    if header["modality"] != "CT":
        msg = f"{folder} holds {shown(header['modality']) or 'images of no stated kind'}, not CT: give a CT series."
        raise UserError(msg)
    if header.components != 1 or header["photometric interpretation"] not in ("", "MONOCHROME2"):
        stated = shown(header["photometric interpretation"])
        msg = f"{folder} holds images in colour or inverted ({stated}), not plain CT numbers: give a CT series."
        raise UserError(msg)
    if header.frames != 1:
        msg = f"{header.file} holds {header.frames} slices in one file (enhanced CT): convert it to NIfTI or NRRD."
        raise UserError(msg)
    if _lies_high(header) or not _is_scaled(header):
        msg = f"{header.file} does not say how its pixels become CT numbers: export the series again."
        raise UserError(msg)


def _lies_high(header: Header) -> bool:
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


def _voxels(files: Sequence[Path]) -> NDArray:
    """HU ``[slice, row, column]``, of a type that holds what every slice says of its own scale."""
    first = _plane(files[0])
    voxels = np.empty((len(files), *first.shape), first.dtype)
    for number, file in enumerate(files):
        plane = _plane(file)
        voxels = voxels.astype(np.promote_types(voxels.dtype, plane.dtype), copy=False)
        voxels[number] = plane
    return voxels


def _plane(file: Path) -> NDArray:
    try:
        plane: NDArray = sitk.GetArrayFromImage(image_reader(file).Execute())[0]
    except RuntimeError as error:
        raise UserError(UNREADABLE.format(file)) from error
    return plane
