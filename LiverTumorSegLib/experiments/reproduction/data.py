"""The user's data, whatever their layout, as recipes name them; several data sets are one, each person once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import ceil
from pathlib import Path

from ...core.ct_quality import DamageTreatment
from ...core.errors import UserError
from ...core.progress import Job
from ...datasets import layouts
from ...datasets.checksums import origin_of
from ...datasets.dump import read_note
from ...datasets.export import ExportOptions, export
from ...datasets.layouts import Layout, ScanFiles
from ...datasets.scans import FileScan, VolumeScan
from ...datasets.slice_folders import SliceScan
from ...datasets.slices import SliceSource
from ...datasets.sources import Source
from ...datasets.volumes import VolumeSource
from ...preprocessing import Chain
from .persons import RepeatedPerson, find_repeated_persons, repeated_in_words

_UNSTATED_MM = 1.0


@dataclass(frozen=True)
class DataSet:
    """One data set, or several, and who of them is used.

    Args:
        layouts: what each folder holds.
        root: folder that those of the sources are in.
        sources: how recipes name them, in the same order.
        patients: who is used, by name.
        chosen: the user's words for them; nothing where these are all, or the first ones.
        repeated: who is in several of them, and counted once.
    """

    layouts: tuple[Layout, ...]
    root: Path
    sources: tuple[Source, ...]
    patients: tuple[str, ...]
    chosen: str = ""
    repeated: tuple[RepeatedPerson, ...] = ()

    @property
    def in_words(self) -> str:
        """The folders' names, what they hold and, where the user said them, their HU."""
        return " and ".join(map(self._part_in_words, self.layouts, self.sources))

    def _part_in_words(self, layout: Layout, source: Source) -> str:
        assumed = source.intensities if isinstance(source, SliceSource) else None
        hounsfield = f", {assumed[0]:g} to {assumed[1]:g} HU" if assumed else ""
        chosen = f" of --patients {self.chosen}" if self.chosen else ""
        count = f"{len(self._used(layout, source).scans)} patients{chosen}"
        return f"{layout.folder.resolve().name} ({layout.title}, {count}{hounsfield})"

    @property
    def folders(self) -> str:
        """The folders in a sentence."""
        return " and ".join(str(layout.folder) for layout in self.layouts)

    @property
    def titles(self) -> str:
        """What the folders hold, in a sentence."""
        return " and ".join(dict.fromkeys(layout.title for layout in self.layouts))

    @property
    def repeated_persons(self) -> str:
        """A sentence on who is in several of the data sets; empty where nobody is."""
        return repeated_in_words(self.repeated)

    @property
    def used(self) -> tuple[Layout, ...]:
        """The layouts with the scans of those who are used alone; one without any is left out."""
        both = zip(self.layouts, self.sources, strict=True)
        return tuple(each for each in (self._used(*one) for one in both) if each.scans)

    def _used(self, layout: Layout, source: Source) -> Layout:
        those = {*self.patients} - {*source.leave_out}
        return replace(layout, scans=tuple(scan for scan in layout.scans if scan.name in those))

    @property
    def most_slices(self) -> int:
        """Slices of the longest scan, as headers say."""
        return max(self.slices.values())

    @property
    def slices(self) -> dict[str, int]:
        """Slices of those who are used, by name, as headers say."""
        return {scan.name: _slices(scan) for layout in self.used for scan in layout.scans}

    @property
    def can_be_exported(self) -> bool:
        """Whether each scan is a CT with one file of labels, which slice pictures are exported from."""
        return all(isinstance(scan, FileScan) for layout in self.layouts for scan in layout.scans)

    def thinned(self, every: int) -> DataSet:
        """Every so many slices of its CTs; slice pictures are taken as they are."""
        return replace(self, sources=tuple(_thinned(source, every) for source in self.sources))

    def treated(self, damaged: DamageTreatment) -> DataSet:
        """The same with damaged slices of its CTs treated so; slice pictures are taken as they are."""
        return replace(self, sources=tuple(_treated(source, damaged) for source in self.sources))

    def first(self, most: int | None) -> DataSet:
        """The same with so many patients, the first ones of each data set in turn; None for all."""
        if most is None:
            return self
        by_set = [
            [name for name in self.patients if name in {scan.name for scan in self._used(*one).scans}]
            for one in zip(self.layouts, self.sources, strict=True)
        ]
        in_turn = [name for several in zip_longest(*by_set) for name in several if name is not None]
        return replace(self, patients=tuple(in_turn[:most]))


def _thinned(source: Source, every: int) -> Source:
    return source if isinstance(source, SliceSource) else source.model_copy(update={"every": every})


def _treated(source: Source, damaged: DamageTreatment) -> Source:
    return source if isinstance(source, SliceSource) else source.model_copy(update={"damaged": damaged})


def find(folders: Path | Sequence[Path], intensities: tuple[float, float] | None = None) -> DataSet:
    """Recognise a data set, or several that are used together.

    Who is in several of them by number is counted once, see :mod:`.persons`.

    Args:
        folders: of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.

    Raises:
        UserError: a folder is given twice or holds no data set, its pictures do not say their HU, or HU are given to
            data that do.
    """
    given = (folders,) if isinstance(folders, Path) else tuple(folders)
    found = tuple(layouts.find(folder) for folder in given)
    root = _common_root(given)
    _refuse_known_intensities(found, intensities)
    sources = tuple(_source(layout, root, intensities) for layout in found)
    repeated = find_repeated_persons(found)
    dropped = {(one.left_out_of, one.left_out) for one in repeated}
    names = [scan.name for each in found for scan in each.scans if (each.folder, scan.name) not in dropped]
    named = tuple(
        source.model_copy(update={"leave_out": _of_same_name(layout, dropped, names)})
        for source, layout in zip(sources, found, strict=True)
    )
    return DataSet(found, root, named, tuple(names), repeated=repeated)


def _of_same_name(layout: Layout, dropped: set[tuple[Path, str]], names: Iterable[str]) -> tuple[str, ...]:
    """Who is left out of one data set under a name that another has, too; all others are left out by their names."""
    return tuple(sorted(name for folder, name in dropped if folder == layout.folder and name in names))


def _common_root(folders: Sequence[Path]) -> Path:
    places = [folder.resolve() for folder in folders]
    double = next((place for place in places if places.count(place) > 1), None)
    if double is not None:
        msg = f"{double} is given twice: give each data set once."
        raise UserError(msg)
    try:
        return Path(os.path.commonpath([place.parent for place in places]))
    except ValueError as error:
        msg = f"{' and '.join(map(str, folders))} are on different drives: put them on one."
        raise UserError(msg) from error


def _refuse_known_intensities(found: Sequence[Layout], intensities: tuple[float, float] | None) -> None:
    if intensities and all(map(_is_known, found)):
        titles = " and ".join(f"{layout.folder} holds {layout.title}" for layout in found)
        msg = f"{titles} whose HU are known: leave --intensities out."
        raise UserError(msg)


def _is_known(layout: Layout) -> bool:
    return layout.kind != "slices" or all(isinstance(scan, SliceScan) and scan.intensities for scan in layout.scans)


def _source(layout: Layout, root: Path, intensities: tuple[float, float] | None) -> Source:
    name = layout.folder.resolve().relative_to(root).as_posix()
    if layout.kind != "slices":
        return VolumeSource(volumes=name)
    if _is_known(layout):
        return SliceSource(folder=name, default_spacing_mm=_UNSTATED_MM)
    if intensities is None:
        msg = (
            f"The pictures in {layout.folder} do not say their HU: give those of black and white, as --intensities "
            "-40 160."
        )
        raise UserError(msg)
    return SliceSource(folder=name, intensities=intensities, default_spacing_mm=_UNSTATED_MM)


def export_slices(data: DataSet, folder: Path, chain: Chain, every: int, *, overwrite: bool, job: Job) -> DataSet:
    """The slices of data sets as JPG pictures and PNG masks in a folder; what is there already is taken.

    Raises:
        UserError: a CT cannot be read, the folder holds slices of another chain, of other patients or of files that
            have changed since and may not be replaced, or it cannot be written to.
        Cancelled: the user asked to stop.
    """
    note = read_note(folder)
    origin = origin_of(data.sources, data.root, data.patients)
    done = note is not None and (note.chain, note.every) == (chain, every) and note.origin in ("", origin)
    if not done or set(data.patients) != {scan.name for scan in layouts.find(folder).scans}:
        scans = [scan for layout in data.used for scan in layout.scans if isinstance(scan, FileScan)]
        pairs = [ScanFiles(scan.name, scan.ct, scan.labels) for scan in scans]
        options = ExportOptions(every=every, origin=origin)
        export(pairs, folder, chain, options, progress=job.at, cancel=job.cancel, overwrite=overwrite)
    source = SliceSource(folder=folder.name)
    exported = (layouts.find(folder),)
    return replace(data, layouts=exported, root=folder.resolve().parent, sources=(source,))


def thinning_for(data: DataSet, most: int) -> int:
    """Every how many slices one has to be kept for so many at most."""
    return max(1, ceil(data.most_slices / most))


def _slices(scan: object) -> int:
    if isinstance(scan, VolumeScan):
        return scan.grid().shape[0]
    return len(scan.slices) if isinstance(scan, SliceScan) else 0
