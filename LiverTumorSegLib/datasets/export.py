"""Write a training dump: preprocessed slices as JPG, masks as PNG (Kulkarni et al., sections 3.1 to 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..core import text_files
from ..core.about import __version__
from ..core.atomic_files import whole_folder
from ..core.ct_quality import Damage, DamageTreatment
from ..core.errors import UserError
from ..core.labels import LESION, liver_median
from ..core.progress import CancelToken, Job, Progress, job
from ..core.volume import Volume
from ..io import volumes
from ..preprocessing import Chain, Resample, Resize, Slices, Window
from ..reporting import figures
from .dump import CONTENTS, IMAGES, MASKS, TABLE, DamagedSlice, LeftOut, Note, nearest_labels, to_bytes, write_picture
from .layouts import ScanFiles
from .scans import read_labels

_BATCH, _MOST_CHANNELS = 8, 4
_COLUMNS = ("patient", "slice", "liver_px", "tumour_px", "dx_mm", "dy_mm", "dz_native_mm")
_RESIZING = (Resample, Resize)

_Row = tuple[str, int, int, int, float, float, float]


@dataclass(frozen=True)
class ExportOptions:
    """Options of writing slices into a folder.

    Args:
        every: keep one slice of so many, counted from the feet; the source keeps every second.
        quality: of the JPG pictures, 1 to 100.
        damaged: whether damaged slices are interpolated or left out.
        force: take CTs also where they do not look like HU.
        series: UID of the DICOM series, or its end, where a folder holds several.
        origin: digest of the CTs and labels, for the folder's note.
    """

    every: int = 2
    quality: int = 95
    damaged: DamageTreatment = DamageTreatment.AS_IS
    force: bool = False
    series: str | None = None
    origin: str = ""


class _Batch(NamedTuple):
    """Slices ready to be written: channels and masks, and millimetres between columns, rows and native slices."""

    numbers: list[int]
    pixels: torch.Tensor
    masks: NDArray[np.uint8]
    spacing: tuple[float, float, float]


@dataclass(frozen=True)
class ExportedPatient:
    """The files and figures written of one patient.

    Args:
        rows: of ``slices.csv``, one a slice.
        damaged: slices that were interpolated or left out.
        warnings: what is suspicious about it, a sentence each.
    """

    rows: list[_Row]
    damaged: tuple[DamagedSlice, ...]
    warnings: tuple[str, ...]


def export(
    pairs: Sequence[ScanFiles],
    folder: Path,
    chain: Chain,
    options: ExportOptions | None = None,
    *,
    left_out: tuple[LeftOut, ...] = (),
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    overwrite: bool = False,
) -> list[ExportedPatient]:
    """Write ``images/PATIENT_slice_K.jpg``, ``masks/PATIENT_slice_K.png``, ``slices.csv`` and ``export.json``.

    Slices are axial, K counted from 0 at the feet; masks follow the chain's resizing and cropping by the nearest label.

    Args:
        pairs: CTs with their labels.
        folder: appears whole or not at all.
        chain: preprocessing that ends with one to four channels in [0, 1].
        options: how.
        left_out: what to note as missing.
        progress: told while slices are written.
        cancel: stops it.
        overwrite: whether an older dump of that name may be replaced.

    Raises:
        UserError: a file cannot be used, labels do not fit, or the chain ends in what JPG cannot hold.
        Cancelled: the user asked to stop.
    """
    options, task = options or ExportOptions(), job(progress, cancel)
    _refuse_channels(chain)
    with whole_folder(folder, overwrite=overwrite, holds=CONTENTS) as new:
        for name in (IMAGES, MASKS):
            (new / name).mkdir()
        done = [
            _export(pair, new, chain, options, task.part(at / len(pairs), (at + 1) / len(pairs)))
            for at, pair in enumerate(pairs)
        ]
        rows = [row for patient in done for row in patient.rows]
        if not rows:
            msg = "No slice is left to write: keep more of them, or interpolate the damaged ones."
            raise UserError(msg)
        _write_table(new / TABLE, rows)
        Note(
            version=__version__,
            chain=chain,
            channels=chain.channels,
            intensities=window_of(chain),
            every=options.every,
            quality=options.quality,
            damaged=options.damaged,
            damaged_slices=tuple(entry for patient in done for entry in patient.damaged),
            left_out=left_out,
            origin=options.origin,
        ).write(new)
    return done


def window_of(chain: Chain) -> tuple[float, float] | None:
    """HU that become 0 and 1, where a chain is a single window, resized at most.

    What was cropped has none: a model with that chain would crop it once more.
    """
    deciding = [step for step in chain.root if not isinstance(step, _RESIZING)]
    if len(deciding) != 1 or not isinstance(deciding[0], Window):
        return None
    window = deciding[0]
    return window.level - window.width / 2, window.level + window.width / 2


def _refuse_channels(chain: Chain) -> None:
    if chain.channels > _MOST_CHANNELS:
        msg = f"The chain ends with {chain.channels} channels, and a JPG picture holds {_MOST_CHANNELS}: take fewer."
        raise UserError(msg)


def _export(pair: ScanFiles, folder: Path, chain: Chain, options: ExportOptions, task: Job) -> ExportedPatient:
    task.at(0, f"Reading {pair.patient}")
    volume, damage = _read_ct(pair.ct, options)
    labels, doubt = read_labels(pair.labels, volume)
    left = damage.reasons if options.damaged is DamageTreatment.LEAVE_OUT else {}
    view = volume.axial.of(volume.voxels)
    fitted = chain.with_liver(liver_median(volume, labels)).fitted(view, volume.axial.spacing)
    numbers = [n for n in range(0, len(view), options.every) if n not in left]
    rows: list[_Row] = []
    for start in range(0, len(numbers), _BATCH):
        task.at(start / len(numbers), f"Writing {pair.patient}")
        batch = _prepare(volume, labels, numbers[start : start + _BATCH], fitted)
        rows += _write(batch, pair.patient, folder, options.quality)
    damaged = tuple(DamagedSlice(patient=pair.patient, slice=n, reason=why) for n, why in damage.reasons.items())
    warnings = (damage.in_words(options.damaged), *volume.warnings, doubt)
    return ExportedPatient(rows, damaged, tuple(f"{pair.patient}: {words}" for words in warnings if words))


def _prepare(volume: Volume, labels: NDArray[np.uint8], numbers: list[int], chain: Chain) -> _Batch:
    view, masks, spacing = volume.axial.of(volume.voxels), volume.axial.of(labels), volume.axial.spacing
    hounsfield = torch.from_numpy(np.ascontiguousarray(view[numbers], np.float32))[:, None]
    prepared = chain(Slices(hounsfield, spacing[1:]))
    fitting = nearest_labels(torch.from_numpy(np.ascontiguousarray(masks[numbers])), prepared)
    dy, dx = prepared.spacing
    return _Batch(numbers, _in_bytes(prepared.pixels), fitting.numpy(), (dx, dy, spacing[0]))


def _write(batch: _Batch, patient: str, folder: Path, quality: int) -> list[_Row]:
    rows = []
    for number, channels, mask in zip(batch.numbers, batch.pixels, batch.masks, strict=True):
        name = f"{patient}_slice_{number}"
        write_picture(folder / IMAGES / f"{name}.jpg", channels, quality)
        figures.write_picture(folder / MASKS / f"{name}.png", Image.fromarray(mask), "PNG")
        counts = int(np.count_nonzero(mask)), int(np.count_nonzero(mask == LESION.label))
        rows.append((patient, number, *counts, *batch.spacing))
    return rows


def _read_ct(path: Path, options: ExportOptions) -> tuple[Volume, Damage]:
    if options.damaged is DamageTreatment.AS_IS:
        return volumes.read_volume(path, series=options.series, force=options.force), Damage()
    return volumes.read_repaired(path, series=options.series, force=options.force)


def _in_bytes(pixels: torch.Tensor) -> torch.Tensor:
    grey = to_bytes(pixels)
    if grey is None:
        low, high = pixels.aminmax()
        msg = f"The chain ends with {low:g} to {high:g}, and JPG pictures hold [0, 1]: end it with a window or scaling."
        raise UserError(msg)
    return grey


def _write_table(path: Path, rows: list[_Row]) -> None:
    path.write_text(text_files.lines([_COLUMNS, *rows]), encoding="utf-8", newline="")
