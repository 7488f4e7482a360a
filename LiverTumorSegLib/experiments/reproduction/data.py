"""The user's data, whatever their layout, as recipes name them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from ...core.errors import UserError
from ...core.progress import Job
from ...datasets import layouts
from ...datasets.dump import read_note
from ...datasets.export import ExportOptions, export
from ...datasets.layouts import Layout, ScanFiles
from ...datasets.scans import FileScan, VolumeScan
from ...datasets.slice_folders import SliceScan
from ...datasets.slices import SliceSource
from ...datasets.sources import Source
from ...datasets.volumes import VolumeSource
from ...preprocessing import Chain

_UNSTATED_MM = 1.0


@dataclass(frozen=True)
class DataSet:
    """A data set and who of it is used.

    Args:
        layout: what the folder holds.
        root: folder that the source's is in.
        source: how recipes name it.
        patients: who is used, by name.
    """

    layout: Layout
    root: Path
    source: Source
    patients: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """The folder's name, what it holds and, where the user said them, its HU."""
        assumed = self.source.intensities if isinstance(self.source, SliceSource) else None
        hounsfield = f", {assumed[0]:g} to {assumed[1]:g} HU" if assumed else ""
        return f"{self.layout.folder.resolve().name} ({self.layout.title}, {len(self.patients)} patients{hounsfield})"

    @property
    def used(self) -> Layout:
        """The layout with the scans of those who are used alone."""
        return replace(self.layout, scans=tuple(scan for scan in self.layout.scans if scan.name in self.patients))

    @property
    def most_slices(self) -> int:
        """Slices of the longest scan, as headers say."""
        return max(self.slices.values())

    @property
    def slices(self) -> dict[str, int]:
        """Slices of those who are used, by name, as headers say."""
        return {scan.name: _slices(scan) for scan in self.used.scans}

    @property
    def can_be_exported(self) -> bool:
        """Whether each scan is a CT with one file of labels, which slice pictures are exported from."""
        return all(isinstance(scan, FileScan) for scan in self.layout.scans)

    def thinned(self, every: int) -> DataSet:
        """Every so many slices of its CTs; slice pictures are taken as they are."""
        if isinstance(self.source, SliceSource):
            return self
        return replace(self, source=self.source.model_copy(update={"every": every}))


def find(folder: Path, intensities: tuple[float, float] | None = None, most: int | None = None) -> DataSet:
    """Recognise a data set.

    Args:
        folder: of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.
        most: how many patients are used, the first ones; None for all.

    Raises:
        UserError: there is none, its pictures do not say their HU, or HU are given to data that do.
    """
    layout, place = layouts.find(folder), folder.resolve()
    names = tuple(scan.name for scan in layout.scans)[:most]
    known = all(isinstance(scan, SliceScan) and scan.intensities for scan in layout.scans)
    if intensities and (known or layout.kind != "slices"):
        msg = f"{folder} holds {layout.title} whose HU are known: leave --intensities out."
        raise UserError(msg)
    if layout.kind != "slices":
        return DataSet(layout, place.parent, VolumeSource(volumes=place.name), names)
    if not known and intensities is None:
        msg = f"The pictures in {folder} do not say their HU: give those of black and white, as --intensities -40 160."
        raise UserError(msg)
    source = SliceSource(folder=place.name, intensities=intensities, default_spacing_mm=_UNSTATED_MM)
    return DataSet(layout, place.parent, source, names)


def export_slices(data: DataSet, folder: Path, chain: Chain, every: int, *, overwrite: bool, job: Job) -> DataSet:
    """The slices of a data set as JPG pictures and PNG masks in a folder; what is there already is taken.

    Raises:
        UserError: a CT cannot be read, the folder holds slices of another chain or of other patients and may not be
            replaced, or it cannot be written to.
        Cancelled: the user asked to stop.
    """
    note = read_note(folder)
    done = note is not None and (note.chain, note.every) == (chain, every)
    if not done or set(data.patients) != {scan.name for scan in layouts.find(folder).scans}:
        scans = [scan for scan in data.used.scans if isinstance(scan, FileScan)]
        pairs = [ScanFiles(scan.name, scan.ct, scan.labels) for scan in scans]
        options = ExportOptions(every=every)
        export(pairs, folder, chain, options, progress=job.at, cancel=job.cancel, overwrite=overwrite)
    source = SliceSource(folder=folder.name)
    return DataSet(layouts.find(folder), folder.resolve().parent, source, data.patients)


def thinning_for(data: DataSet, most: int) -> int:
    """Every how many slices one has to be kept for so many at most."""
    return max(1, ceil(data.most_slices / most))


def _slices(scan: object) -> int:
    if isinstance(scan, VolumeScan):
        return scan.grid().shape[0]
    return len(scan.slices) if isinstance(scan, SliceScan) else 0
