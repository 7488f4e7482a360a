"""CTs of a data set as patients to train on: each decoded and preprocessed once, then kept in a cache."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ..core.ct_quality import Damage, DamageTreatment
from ..core.errors import UserError
from ..core.native_stderr import silence_libraries
from ..core.process_pool import for_each
from ..core.progress import Job
from ..core.schema import StrictModel
from ..core.volume import Volume
from ..preprocessing import Chain
from ..preprocessing.resampling import standard_shape
from . import cache, layouts
from .dump import LeftOut
from .prepare import crop_or_pad, prepare, prepare_volume
from .scans import VolumeScan
from .slices import Patient

Say = Callable[[str], None]

_DARKEST, _BRIGHTEST = -1000, 1000
_WORTH_A_PROCESS = 4
"""CTs that take longer to read than a process takes to start."""

_SLICES_ON_A_GPU, _PROCESSES_ON_A_GPU = 16, 6
"""Preprocessed together; and processes that read files and share the GPU, each of which takes some of its memory."""


class VolumeSource(StrictModel):
    """One data set of CTs with labels, and how to read it.

    Args:
        volumes: folder below the data root that holds LiTS, 3D-IRCADb-01 or MSD Task03_Liver.
        lesions_apart: False where the labels join lesions to the liver (label 1).
        every: every how many slices one is kept.
        damaged: what is done about slices that are NaN, hold one number or repeat: nothing, or they are interpolated
            from their neighbours, or left out of training; whoever needs every slice gets those interpolated.
        leave_out: patients who are not taken from this folder.
    """

    volumes: str
    lesions_apart: bool = True
    every: int = Field(1, ge=1)
    damaged: DamageTreatment = DamageTreatment.AS_IS
    leave_out: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Its place below the data root."""
        return self.volumes

    def read(self, scan: VolumeScan) -> tuple[Volume, NDArray[np.uint8], Damage]:
        """A CT of this data set, its labels ``[k, j, i]``, and the slices that were interpolated in it.

        Raises:
            UserError: as :meth:`.scans.LabelledScan.read`, or no slice is whole.
        """
        if self.damaged is DamageTreatment.AS_IS:
            return *scan.read(), Damage()
        examined = scan.examine()
        return examined.volume, examined.labels, examined.damage


class ScanRequest(NamedTuple):
    """A scan to be read.

    Args:
        scan: which.
        source: of which data set.
        chain: what its slices go through.
        spacing_mm: what its slices, rows and columns are then resampled to; None to keep the slices.
        device: what the chain runs on.
        frame: slices, rows and columns that a resampled volume is then cropped or padded to; None for its own.
    """

    scan: VolumeScan
    source: VolumeSource
    chain: Chain
    spacing_mm: tuple[float, float, float] | None = None
    device: str = "cpu"
    frame: tuple[int, int, int] | None = None

    @property
    def key(self) -> str:
        """Of its entry in a cache."""
        as_is = {"damaged"} if self.source.damaged is DamageTreatment.AS_IS else set()
        options = [self.source.model_dump_json(exclude={"volumes", "leave_out", *as_is})]
        if self.spacing_mm:
            options.append(json.dumps(self.spacing_mm))
        if self.frame:
            options.append(json.dumps({"frame": self.frame}))
        if self.device != "cpu":  # whose last bits are others
            options.append(torch.device(self.device).type)
        return cache.key(self.scan.sources, self.scan.name, self.chain.to_json(), *options)


def find(source: VolumeSource, root: Path) -> tuple[tuple[VolumeScan, ...], tuple[LeftOut, ...]]:
    """The scans of a source, by number, and what is left out; who is not to be taken from it is in neither.

    Raises:
        UserError: the folder holds no known data set, or slice pictures.
    """
    layout = layouts.find(root / source.volumes)
    scans = tuple(scan for scan in layout.scans if isinstance(scan, VolumeScan))
    if not scans:
        msg = f"{layout.folder} holds {layout.title}, not CTs: name it as folder in the recipe's data, not as volumes."
        raise UserError(msg)
    return tuple(scan for scan in scans if scan.name not in source.leave_out), layout.left_out


def read_scan(wanted: ScanRequest) -> Patient:
    """Read and preprocess a scan: its axial slices, or those that it is resampled to, from the feet upwards.

    Raises:
        UserError: a file cannot be read, the labels do not fit, or the slices do not suit the chain.
    """
    scan, source, chain, spacing_mm, device, frame = wanted
    volume, labels, damage = source.read(scan)
    axial = volume.axial
    view, seen = axial.of(volume.voxels), torch.from_numpy(np.ascontiguousarray(axial.of(labels)))
    if spacing_mm:
        pixels, marked = prepare_volume(view, seen, axial.spacing, chain, spacing_mm, device=torch.device(device))
        slice_mm = axial.spacing[0] * len(seen) / len(marked)
        if frame:
            pixels, marked = (crop_or_pad(part, frame) for part in (pixels, marked))
        return Patient(scan.name, np.arange(len(marked)), pixels, marked, slice_mm, source.lesions_apart)
    at_once = 1 if device == "cpu" else _SLICES_ON_A_GPU
    pixels, marked = prepare(
        view, seen, axial.spacing, chain, every=source.every, device=torch.device(device), at_once=at_once
    )
    numbers = np.arange(0, len(seen), source.every)
    if source.damaged is DamageTreatment.LEAVE_OUT and damage.reasons:
        whole = np.flatnonzero(~np.isin(numbers, list(damage.reasons)))
        numbers, pixels, marked = numbers[whole], pixels[whole].contiguous(), marked[whole].contiguous()
    return Patient(scan.name, numbers, pixels, marked, axial.spacing[0], source.lesions_apart)


def read_patients(wanted: Sequence[ScanRequest], folder: Path, *, say: Say, job: Job) -> list[Patient]:
    """Read scans through a cache; those that it lacks are read in several processes where there are many.

    Args:
        wanted: which scans.
        folder: of the cache.
        say: told what the cache will cost, if anything.
        job: told after every scan; its fraction stays at the beginning.

    Returns:
        Patients in the order asked for, their arrays mapped into memory.

    Raises:
        UserError: a scan cannot be read, or the cache's disk has not enough room.
        Cancelled: the user asked to stop; what was read stays in the cache.
    """
    places = [folder / each.key for each in wanted]
    found = {place: cache.load(place) for place in places}
    missing = {place: each for place, each in zip(places, wanted, strict=True) if found[place] is None}
    if missing:
        _fill(missing, folder, say, job)
        found |= {place: cache.load(place) for place in missing}
    patients = [patient for patient in (found[place] for place in places) if patient is not None]
    if len(patients) < len(places):
        msg = f"Another program deletes files of the cache in {folder}: choose another folder (--cache)."
        raise UserError(msg)
    return patients


def missing_bytes(wanted: Sequence[ScanRequest], folder: Path) -> int:
    """Bytes by which a cache will grow for some scans, from their headers.

    Args:
        wanted: which scans; one that is asked for twice counts once.
        folder: of the cache.
    """
    missing = {each.key: each for each in wanted if cache.load(folder / each.key) is None}
    return sum(map(_bytes_of, missing.values()))


def _fill(missing: Mapping[Path, ScanRequest], folder: Path, say: Say, job: Job) -> None:
    size = sum(_bytes_of(each) for each in missing.values())
    cache.check_room(folder, size)
    count = len(missing)
    say(f"{count} CT{'s' * (count > 1)} will be read once; the cache in {folder} grows by {cache.format_size(size)}.")

    def progress(done: float, _: str) -> None:
        job.at(0, f"Reading the CTs: {round(done * count)} of {count}")

    tasks = {str(place): (each, place) for place, each in missing.items()}
    most = _PROCESSES_ON_A_GPU if any(each.device != "cpu" for each in missing.values()) else os.cpu_count() or 1
    processes = min(most, max(1, count // _WORTH_A_PROCESS))
    _, failed = for_each(tasks, _read_into, processes, Job(progress, job.cancel))
    if failed:
        place, sentence = next(iter(failed.items()))
        others = f" ({len(failed) - 1} more cannot, either.)" if len(failed) > 1 else ""
        msg = f"{missing[Path(place)].scan.name} cannot be used for training: {sentence}{others}"
        raise UserError(msg)


def _read_into(wanted: ScanRequest, entry: Path) -> None:
    with silence_libraries(), _one_thread():
        cache.keep(entry, read_scan(wanted))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads of their own in every process would get in each other's way, and change the order of sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _bytes_of(wanted: ScanRequest) -> int:
    """Of pixels and labels, from the CT's header; nothing where that cannot be read, which reading then tells."""
    try:
        (slices, rows, columns), spacing = wanted.scan.grid()
        count: float = -(-slices // wanted.source.every)
        if wanted.spacing_mm:
            count, *plane = standard_shape((slices, rows, columns), spacing, wanted.spacing_mm)
            if wanted.frame:
                count = prod(wanted.frame) / prod(plane)
        return round(count * _slice_bytes(rows, columns, spacing, wanted.chain.to_json(), wanted.spacing_mm))
    except UserError:
        return 0


@lru_cache(maxsize=256)
def _slice_bytes(
    rows: int, columns: int, spacing: tuple[float, float, float], chain: str, wanted: tuple[float, float, float] | None
) -> int:
    """Bytes of a slice of this size after a chain, tried on a ramp from air to bone."""
    ramp = np.linspace(_DARKEST, _BRIGHTEST, rows * columns).reshape(1, rows, columns).astype(np.int16)
    labels, steps = torch.zeros(ramp.shape, dtype=torch.uint8), Chain.from_json(chain)
    made = prepare_volume(ramp, labels, spacing, steps, wanted) if wanted else prepare(ramp, labels, spacing, steps)
    return sum(part[0].nbytes for part in made)
