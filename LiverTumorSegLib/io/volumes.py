"""Read CT volumes and write labels; the format follows from the name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import refuse_existing, refuse_unwritable, whole_file
from ..core.ct_quality import (
    Damage,
    DamageTreatment,
    find_damaged_slices,
    inspect_ct,
    interpolate_damaged_slices,
    to_int16,
    why_not_hounsfield,
)
from ..core.errors import UserError
from ..core.label_layers import LabelLayer
from ..core.volume import Volume, axial_view
from .raw_image import RawImage

_LARGEST_MM, _FARTHEST_MM = 3000, 1e6

_TEXT = (".nrrd", ".nhdr", ".mha", ".mhd")
_READERS = {".nii": "nifti", ".nii.gz": "nifti"} | dict.fromkeys(_TEXT, "nrrd_metaimage")
_WRITERS = {".nii": "nifti", ".nii.gz": "nifti", ".seg.nrrd": "slicer_seg", ".nrrd": "itk"}
"""The module of each format is loaded when it is needed: SimpleITK alone takes as much memory as a CT."""


def read_volume(
    path: str | PathLike[str],
    *,
    series: str | None = None,
    force: bool = False,
    damaged: DamageTreatment = DamageTreatment.AS_IS,
) -> Volume:
    """Read a CT from a NIfTI, NRRD or MetaImage file, a folder of DICOM files, or the file of an enhanced CT.

    Args:
        path: the file or folder.
        series: UID of the DICOM series, or the end of it, where a folder holds several; with ``-stack1`` and so on
            behind it where an enhanced CT holds several stacks of slices.
        force: read it also where it does not look like a CT in HU; a warning says so.
        damaged: whether damaged slices are interpolated; a warning then says which.

    Returns:
        The CT: ``voxels`` int16 ``[k, j, i]`` in HU, ``affine`` from voxel to patient in mm (RAS), and ``warnings``, a
        sentence each.

    Raises:
        UserError: it is missing, damaged, not three-dimensional, not a CT in HU, or in an unknown format.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> volume.voxels.shape, str(volume.voxels.dtype)
        ((40, 96, 112), 'int16')
        >>> volume.spacing
        (6.0, 4.0, 4.0)
    """
    path = Path(path)
    if damaged is DamageTreatment.AS_IS:
        return _in_hounsfield(read_stored(path, series), path, force=force)
    if damaged is DamageTreatment.LEAVE_OUT:
        msg = f"Every slice of {path} is needed here, damaged or not: use --damaged interpolate."
        raise UserError(msg)
    volume, damage = read_repaired(path, series=series, force=force)
    sentence = damage.in_words(DamageTreatment.INTERPOLATE)
    return replace(volume, warnings=(sentence, *volume.warnings)) if sentence else volume


def read_repaired(path: Path, *, series: str | None = None, force: bool = False) -> tuple[Volume, Damage]:
    """Read a CT with its damaged slices interpolated, and say which these are.

    Raises:
        UserError: as :func:`read_volume`, or no slice is whole.
    """
    stored = read_stored(path, series)
    axial = axial_view(stored.affine)
    damage = find_damaged_slices(axial.of(stored.values))
    if damage.reasons:
        stored = replace(stored, values=stored.values.copy())  # what was read may be the file itself, mapped
        interpolate_damaged_slices(axial.of(stored.values), damage, path)
    return _in_hounsfield(stored, path, force=force, mended=True), damage


@np.errstate(over="ignore", invalid="ignore")  # such numbers are refused below, in words
def read_stored(path: Path, series: str | None = None) -> RawImage:
    """Read what a file or folder holds, whatever its numbers mean.

    Raises:
        UserError: it is missing, damaged, not three-dimensional, or in an unknown format.
    """
    if not path.exists():
        msg = f"{path} does not exist: check the name."
        raise UserError(msg)
    reader = "dicom_series" if path.is_dir() else _reader(path)
    if series is not None and reader != "dicom_series":
        msg = f"{path} is a file, which has no series to choose from: give the folder of the DICOM files, or no series."
        raise UserError(msg)
    stored = _module(reader).read(path, series) if reader == "dicom_series" else _module(reader).read(path)
    _check_geometry(stored, path)
    return stored


def segment_names(path: Path) -> dict[int, str]:
    """Names of the labels of a segmentation of 3D Slicer in NRRD, in DICOM, or of this program; none for other files.

    Raises:
        UserError: its header is damaged.
    """
    if path.is_dir():
        return {}
    kind = "slicer_seg" if path.name.lower().endswith(".nrrd") else _reader(path)
    found: dict[int, str] = _module(kind).names(path) if kind in ("slicer_seg", "dicom_seg", "nifti") else {}
    return found


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Refuse an output name before any work is done for it.

    Raises:
        UserError: unknown ending, an existing file, or a folder that cannot be written to.
    """
    _writer(path)
    refuse_existing(path, overwrite=overwrite)
    refuse_unwritable(path)


def check_grid(path: Path, volume: Volume) -> None:
    """Refuse an output format that cannot hold the volume's grid.

    Raises:
        UserError: the volume is sheared and the format is NIfTI, which other programs then do not open.
    """
    if volume.is_sheared and _writer(path) == "nifti":
        msg = f"{path} cannot hold this CT's tilted slices (gantry tilt) in NIfTI: end the name in .seg.nrrd or .nrrd."
        raise UserError(msg)


def write_labels(
    path: str | PathLike[str],
    labels: NDArray[np.uint8],
    volume: Volume,
    *,
    layers: Sequence[LabelLayer] = (),
    overwrite: bool = False,
) -> None:
    """Write labels ``[k, j, i]`` on the volume's grid as ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.seg.nrrd``.

    Args:
        path: of the file, which appears whole or not at all.
        labels: uint8 ``[k, j, i]``: 0 background, 1 liver, 2 lesion.
        volume: the CT that they belong to.
        layers: other structures. ``.seg.nrrd`` holds them as they are; of the other formats, which have one label a
            voxel, see :func:`LiverTumorSegLib.core.label_layers.in_one_layer`.
        overwrite: replace a file that is there.

    Raises:
        UserError: unknown ending, an existing file, a grid the format cannot hold, or no permission.
        ValueError: the labels have another shape than the CT.

    Example:
        >>> import numpy as np
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> bright = (volume.voxels > 90).astype(np.uint8)
        >>> lts.write_labels("bright.seg.nrrd", bright, volume)
    """
    path = Path(path)
    if labels.shape != volume.voxels.shape:
        msg = f"labels {labels.shape} are not on the volume's grid {volume.voxels.shape}"
        raise ValueError(msg)
    check_grid(path, volume)
    with whole_file(path, overwrite=overwrite) as unfinished:
        _module(_writer(path)).write_labels(unfinished, labels, volume, layers)


def stem(path: Path) -> str:
    """File name without any of the endings read or written here."""
    ending = _ending(path, [*_WRITERS, *_READERS])
    return path.name[: -len(ending)] if ending else path.name


def _module(name: str) -> ModuleType:
    return import_module(f".{name}", __package__)


def _reader(path: Path) -> str:
    _refuse_unreadable(path)
    ending = _ending(path, list(_READERS))
    if path.suffix.lower() == ".dcm" or (ending is None and _module("dicom_files").looks_like_dicom(path)):
        return "dicom_series" if _module("dicom_frames").is_enhanced_ct(path) else "dicom_seg"
    if ending is None:
        msg = f"{path} is in a format that cannot be read: give {', '.join(_READERS)}, or a folder of DICOM files."
        raise UserError(msg)
    return _READERS[ending]


def _refuse_unreadable(path: Path) -> None:
    """Refuse what has no content, before a pipe that nobody writes to is waited for."""
    if not path.is_file():
        msg = f"{path} is not a regular file but a device, a pipe or a socket: give a file, or a folder of DICOM files."
        raise UserError(msg)
    if path.stat().st_size == 0:
        msg = f"{path} is empty: get the file again."
        raise UserError(msg)
    try:
        path.open("rb").close()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): choose a file that you may read."
        raise UserError(msg) from error


def _writer(path: Path) -> str:
    ending = _ending(path, list(_WRITERS))
    if ending is None:
        msg = f"{path} is in a format that cannot be written: end the name in {', '.join(_WRITERS)}."
        raise UserError(msg)
    return _WRITERS[ending]


def _ending(path: Path, endings: list[str]) -> str | None:
    fitting = [ending for ending in endings if path.name.lower().endswith(ending)]
    return max(fitting, key=len, default=None)


def _check_geometry(stored: RawImage, path: Path) -> None:
    axes = stored.affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(stored.affine).all() or not (lengths > 1e-6).all():
        msg = f"{path} states a spacing that is zero, or not finite: correct its header."
        raise UserError(msg)
    if np.abs(stored.affine[:3, 3]).max() > _FARTHEST_MM:
        msg = f"{path} states an origin more than a kilometre away: correct its header."
        raise UserError(msg)
    extent = lengths * stored.values.shape[::-1]
    if extent.max() > _LARGEST_MM:
        msg = f"{path} states an extent of {extent.max() / 1000:.1f} m, more than a patient has: correct its header."
        raise UserError(msg)
    if abs(np.linalg.det(axes / lengths)) < 1e-2:
        msg = f"{path} states axes that lie in one plane: correct its header."
        raise UserError(msg)


def _in_hounsfield(stored: RawImage, path: Path, *, force: bool, mended: bool = False) -> Volume:
    if stored.omits_empty:
        msg = f"{path} is a DICOM segmentation and not a CT: give the folder of the CT series that it was made of."
        raise UserError(msg)
    voxels = to_int16(stored.values, path, slope=stored.slope, intercept=stored.intercept)
    reason = why_not_hounsfield(voxels)
    if reason is not None and not force:
        msg = f"{path} does not look like a CT in Hounsfield units ({reason}): use --force to segment it all the same."
        raise UserError(msg)
    volume = Volume(voxels, stored.affine, stored.warnings, stored.images, stored.frames)
    return replace(volume, warnings=(*volume.warnings, *inspect_ct(volume, mended=mended)))
