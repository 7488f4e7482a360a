"""A later scan made of a CT: moved, bent, sliding at the ribs, with lesions whose fate is known.

The field is none of the registration's own kind: a rigid motion and Gaussian bends inside the liver and a margin around
it, another, smaller motion of the body outside, and a sharp edge between, as where the liver slides along the ribs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import slices
from LiverTumorSegLib.follow_up.registration import Registration
from LiverTumorSegLib.follow_up.scan import Scan
from LiverTumorSegLib.io import itk

Fate = Literal["same", "grown", "shrunk", "gone"]

_EDGE_MM = 8.0
_LPS = np.array([-1.0, -1.0, 1.0])
_THIN_MM = 3.0
_SPECK_ML = 0.02
_ROOM_MM = 45.0
_POINTS, _Z = 400, 1.96
_SOURCES = (
    slices.SliceSource(folder="lits_wide", intensities=(-160, 240)),
    slices.SliceSource(
        folder="lits",
        intensities=(-40, 160),
        default_spacing_mm=0.75,
        default_slice_mm=1.6,
        true_spacings="spacing_3dircadb.csv",
    ),
)


@dataclass(frozen=True)
class MadePair:
    """Two scans and the truth about them.

    Args:
        earlier, later: the scans.
        field: from points of the later scan to those of the earlier one, in LPS; that of the liver.
        origin: ``[k, j, i]`` on the later grid, the number of the earlier lesion that a voxel is of; 0 elsewhere.
        new: True where a lesion is new.
        fates: by the earlier lesions' numbers.
    """

    earlier: Scan
    later: Scan
    field: sitk.Transform
    origin: NDArray[np.uint16]
    new: NDArray[np.bool_]
    fates: dict[int, Fate]

    def pairs(self) -> set[tuple[int, int]]:
        """Numbers of an earlier lesion and a later one that have tissue in common."""
        numbers = self.later.numbers
        both = (self.origin > 0) & (numbers > 0)
        return {(int(b), int(a)) for b, a in np.unique(np.stack((self.origin[both], numbers[both])), axis=1).T}

    def linked(self) -> set[tuple[int, int]]:
        """Numbers of an earlier lesion and a later one that belong together, if only by way of others."""
        return {(before, after) for some, others in self.truth() for before in some for after in others}

    def truth(self) -> set[tuple[frozenset[int], frozenset[int]]]:
        """Which earlier lesions are which later ones: sets of numbers that belong together, one empty where alone."""
        groups: list[tuple[set[int], set[int]]] = [(set(), {one.number}) for one in self.later.table.lesions]
        groups += [({one.number}, set()) for one in self.earlier.table.lesions]
        for before, after in self.pairs():
            joined = [each for each in groups if before in each[0] or after in each[1]]
            groups = [each for each in groups if each not in joined]
            groups.append((set().union(*(each[0] for each in joined)), set().union(*(each[1] for each in joined))))
        return {(frozenset(before), frozenset(after)) for before, after in groups}


def made_pairs(data: Path) -> Iterator[tuple[str, MadePair]]:
    """A pair of each patient in the folders ``lits_wide`` and ``lits``, by fixed seeds.

    Args:
        data: the folder with both.
    """
    wide = set(slices.patient_names(_SOURCES[0], data))
    for source, left_out in zip(_SOURCES, (set(), wide), strict=True):
        for name in sorted(set(slices.patient_names(source, data)) - left_out, key=_number_of):
            volume, labels = slices.read_volume(source, data, name)
            if (labels == 1).any():
                yield name, make_pair(name, *_around_liver(volume, labels), seed=_number_of(name))


def _number_of(name: str) -> int:
    return int(name.split("-")[1])


def _around_liver(volume: Volume, labels: NDArray[np.uint8]) -> tuple[Volume, NDArray[np.uint8]]:
    """The part around the liver, its first and last slices repeated, so that it has room to move."""
    (_, rows, columns) = ndimage.find_objects((labels > 0).astype(np.uint8))[0]
    more, *margins = (int(np.ceil(_ROOM_MM / mm)) for mm in volume.spacing)
    rows, columns = (slice(max(0, b.start - m), b.stop + m) for b, m in zip((rows, columns), margins, strict=True))
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (columns.start, rows.start, -more)
    around = ((more, more), (0, 0), (0, 0))
    voxels, found = (
        np.pad(array[:, rows, columns], around, mode=mode)
        for array, mode in ((volume.voxels, "edge"), (labels, "constant"))
    )
    return Volume(voxels, affine), found


def registration_errors(made: MadePair, registration: Registration) -> list[float]:
    """Millimetres that a registration is off by, at points of the later liver."""
    voxels = np.argwhere(made.later.labels > 0)
    chosen = voxels[np.random.default_rng(0).choice(len(voxels), min(_POINTS, len(voxels)), replace=False)][:, ::-1]
    affine = made.later.volume.affine
    points = chosen @ affine[:3, :3].T + affine[:3, 3]
    truth = np.array([made.field.TransformPoint(point.tolist()) for point in points * _LPS]) * _LPS
    return list(np.linalg.norm(registration.to_earlier(points) - truth, axis=1).tolist())


def interval(right: int, count: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not count:
        return "-"
    share, square = right / count, _Z**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _Z * (share * (1 - share) / count + square / (4 * count)) ** 0.5 / (1 + square)
    return f"{share:.3f} ({middle - half:.3f} to {middle + half:.3f}, n = {count})"


def make_pair(name: str, volume: Volume, labels: NDArray[np.uint8], seed: int) -> MadePair:
    """A pair of scans.

    Args:
        name: of the patient.
        volume: the CT.
        labels: on its grid.
        seed: of everything that is random.
    """
    rng = np.random.default_rng(seed)
    labels = np.where((labels == 2) & ~_without_specks(labels == 2, volume), 1, labels).astype(np.uint8)
    earlier = Scan.measured(f"{name}, before", volume, labels)
    inner, whole = _motions(volume, labels, rng)
    like = itk.array_to_image(labels, volume.affine)
    voxels = _moved(volume.voxels.astype(np.float32), like, whole, sitk.sitkLinear, -1000.0)
    liver = _moved((labels > 0).astype(np.uint8), like, inner, sitk.sitkNearestNeighbor, 0) > 0
    origin = _moved(earlier.numbers.astype(np.uint16), like, inner, sitk.sitkNearestNeighbor, 0)
    inside = _moved(volume.voxels.astype(np.float32), like, inner, sitk.sitkLinear, -1000.0)
    voxels[liver] = inside[liver]
    origin, fates = _changed(origin, liver, volume, rng)
    new = _added(origin, liver, volume, rng)
    _painted(voxels, liver, origin, new, earlier, rng)
    taken, cut = _acquired(voxels, liver, volume, rng)
    lesions = _without_specks(((origin > 0) | new)[cut], taken)
    scan = Scan.measured(f"{name}, after", taken, np.where(lesions, 2, liver[cut]).astype(np.uint8))
    return MadePair(earlier, scan, inner, np.where(lesions, origin[cut], 0), new[cut] & lesions, fates)


def _motions(
    volume: Volume, labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[sitk.Transform, sitk.Transform]:
    """The motion of the liver, and that of the whole picture, sharp at the edge between."""
    rigid = sitk.Euler3DTransform()
    points = np.argwhere(labels > 0)[::50, ::-1]
    centre = (points @ volume.affine[:3, :3].T + volume.affine[:3, 3]).mean(axis=0) * _LPS
    rigid.SetCenter(centre.tolist())
    rigid.SetRotation(*np.deg2rad(rng.uniform(-4, 4, 3)).tolist())
    rigid.SetTranslation([*rng.uniform(-8, 8, 2), float(rng.uniform(-30, 30))])
    shape, spacing = labels.shape, volume.spacing
    bends = np.stack([_bend(shape, spacing, rng) for _ in range(3)], axis=-1)
    like = itk.array_to_image(labels, volume.affine)
    moved = sitk.GetArrayFromImage(
        sitk.TransformToDisplacementField(
            rigid, sitk.sitkVectorFloat64, like.GetSize(), like.GetOrigin(), like.GetSpacing(), like.GetDirection()
        )
    )
    inner = _field(moved + bends, like)
    liver = _moved((labels > 0).astype(np.uint8), like, inner, sitk.sitkNearestNeighbor, 0) > 0
    near = ndimage.distance_transform_edt(~liver, sampling=spacing) < _EDGE_MM
    outer = np.where(near[..., None], moved + bends, 0.2 * moved)
    return inner, _field(outer, like)


def _bend(shape: tuple[int, ...], spacing: tuple[float, float, float], rng: np.random.Generator) -> NDArray[np.float64]:
    """One component of a smooth field in mm, up to 5 to 12."""
    sigma = rng.uniform(25, 40)
    coarse = [max(4, int(n * mm / 8)) for n, mm in zip(shape, spacing, strict=True)]
    noise = ndimage.gaussian_filter(rng.standard_normal(coarse), sigma / 8)
    whole = ndimage.zoom(noise, [n / c for n, c in zip(shape, coarse, strict=True)], order=1)
    return np.asarray(rng.uniform(5, 12) * whole / np.abs(whole).max())


def _field(shifts: NDArray[np.float64], like: sitk.Image) -> sitk.DisplacementFieldTransform:
    image = sitk.GetImageFromArray(shifts.astype(np.float64), isVector=True)
    image.CopyInformation(like)
    return sitk.DisplacementFieldTransform(image)


def _moved(array: NDArray, like: sitk.Image, field: sitk.Transform, interpolator: int, outside: float) -> NDArray:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, like, field, interpolator, outside))).copy()


def _changed(
    origin: NDArray[np.uint16], liver: NDArray[np.bool_], volume: Volume, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], dict[int, Fate]]:
    """Each lesion stays, grows, shrinks by 1 to 6 mm, or goes; those that grow into each other have merged."""
    after, fates = np.zeros_like(origin), {}
    numbers = [int(n) for n in np.unique(origin) if n]
    for number in numbers:
        fate: Fate = rng.choice(["same", "grown", "shrunk", "gone"], p=[0.35, 0.35, 0.2, 0.1])
        margin = [int(np.ceil(8 / mm)) for mm in volume.spacing]
        (box,) = ndimage.find_objects((origin == number).astype(np.uint8))
        near = tuple(slice(max(0, b.start - m), b.stop + m) for b, m in zip(box, margin, strict=True))
        mask = origin[near] == number
        level = {"same": 0.0, "grown": rng.uniform(1, 6), "shrunk": -rng.uniform(1, 4), "gone": -1e9}[fate]
        away = ndimage.distance_transform_edt(~mask, sampling=volume.spacing)
        deep = ndimage.distance_transform_edt(mask, sampling=volume.spacing)
        now = (np.where(mask, -deep, away) <= level) & liver[near]
        if fate == "same":
            now = mask & liver[near]
        if not now.any():
            fate = "gone"
        fates[number] = fate
        after[near][now & (after[near] == 0)] = number
    return after, fates


def _without_specks(lesions: NDArray[np.bool_], volume: Volume) -> NDArray[np.bool_]:
    """Without pieces that nobody would follow: marks of a voxel or two, and what growth leaves behind a ragged edge."""
    pieces, _ = ndimage.label(lesions)
    millilitres = np.bincount(pieces.ravel()) * np.prod(volume.spacing) / 1000
    kept: NDArray[np.bool_] = (millilitres >= _SPECK_ML)[pieces] & lesions
    return kept


def _added(
    origin: NDArray[np.uint16], liver: NDArray[np.bool_], volume: Volume, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """None to two new lesions of 3 to 10 mm radius, where the liver is free."""
    new = np.zeros(liver.shape, bool)
    for _ in range(int(rng.integers(0, 3))):
        radius = rng.uniform(3, 10)
        free = ndimage.distance_transform_edt(liver & (origin == 0) & ~new, sampling=volume.spacing)
        places = np.argwhere(free > radius + 6)
        if len(places):
            at = places[rng.integers(len(places))]
            grid = np.ogrid[tuple(slice(0, n) for n in liver.shape)]
            square = sum(((axis - a) * mm) ** 2 for axis, a, mm in zip(grid, at, volume.spacing, strict=True))
            new |= square <= radius**2
    return new


def _painted(
    voxels: NDArray[np.float32],
    liver: NDArray[np.bool_],
    origin: NDArray[np.uint16],
    new: NDArray[np.bool_],
    earlier: Scan,
    rng: np.random.Generator,
) -> None:
    """Lesions by their own density, and the liver's texture where a lesion was."""
    healthy = voxels[liver & (origin == 0)]
    middle, spread = float(np.median(healthy)), float(np.std(np.clip(healthy, *np.percentile(healthy, (5, 95)))))
    was = _within(voxels, liver, middle, spread) & liver & (origin == 0)
    voxels[was] = middle + rng.normal(0, spread, int(was.sum()))
    density = {one.number: one.mean_hu for one in earlier.table.lesions}
    for number in np.unique(origin[origin > 0]):
        mask = origin == number
        voxels[mask] = density[int(number)] + rng.normal(0, spread, int(mask.sum()))
    voxels[new] = middle - rng.uniform(20, 60) + rng.normal(0, spread, int(new.sum()))


def _within(voxels: NDArray[np.float32], liver: NDArray[np.bool_], middle: float, spread: float) -> NDArray[np.bool_]:
    """Voxels of the liver that are as dark as lesions are."""
    return np.asarray(ndimage.gaussian_filter(voxels, 1) < middle - 2.5 * spread) & liver


def _acquired(
    voxels: NDArray[np.float32], liver: NDArray[np.bool_], volume: Volume, rng: np.random.Generator
) -> tuple[Volume, tuple[slice, ...]]:
    """Noise, another contrast, in every fourth case an end of the scan in the liver, and in some thicker slices."""
    noisy = voxels + rng.normal(0, rng.uniform(4, 14), voxels.shape)
    noisy[liver] += rng.uniform(-25, 25)
    slices = np.flatnonzero(liver.any(axis=(1, 2)))
    cut = [slice(None)] * 3
    if rng.random() < 0.25:
        share = int(len(slices) * rng.uniform(0.1, 0.25))
        cut[0] = slice(int(slices[0]) + share, None) if rng.random() < 0.5 else slice(None, int(slices[-1]) - share)
    step = 2 if volume.spacing[0] < _THIN_MM and rng.random() < 0.3 else 1
    cut[0] = slice(cut[0].start, cut[0].stop, step)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (cut[0].start or 0)
    affine[:3, 2] *= step
    held = np.clip(noisy[tuple(cut)], -1024, 3000).astype(np.int16)
    return Volume(np.ascontiguousarray(held), affine), tuple(cut)
