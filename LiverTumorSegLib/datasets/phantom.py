"""A made-up abdominal CT with exact labels: body, ribs, spine, kidneys, spleen, stomach, liver, vessels, lesions.

Shapes are ellipsoids and tubes in patient millimetres, HU are those of a portal-venous scan. Partial volume comes
from drawing on a grid finer in the plane, noise from a correlated random field. It serves the demo and the tests; it
is no substitute for patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Union

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.volume import Volume

_FINER, _TRIES = 2, 2000
_AIR, _FAT, _MUSCLE, _BONE, _LIVER, _VESSEL = -1000, -100, 55, 450, 108, 165
_SPLEEN, _KIDNEY, _STOMACH, _LUNG, _AORTA, _HEART, _PANCREAS = 118, 170, 25, -820, 175, 150, 85
_RIGHT_LOBE, _RIGHT_RADII = (10.0, -4.0, -64.0), (80.0, 70.0, 61.0)

Grid = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Span = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Phantom:
    """A phantom and its truth.

    Args:
        volume: the CT.
        labels: uint8 ``[k, j, i]``: 0 background, 1 liver, 2 lesion.
    """

    volume: Volume
    labels: NDArray[np.uint8]


def create(
    shape: tuple[int, int, int] = (72, 256, 256),
    spacing: tuple[float, float, float] = (3.0, 1.5, 1.5),
    seed: int = 0,
    lesions: int = 4,
    noise_hu: float = 10.0,
) -> Phantom:
    """Make a phantom; equal arguments give equal voxels.

    Args:
        shape: slices, rows, columns.
        spacing: millimetres between them; the body keeps its size, so a small grid shows a part of it.
        seed: of anatomy, lesions and noise.
        lesions: how many; each lies wholly in the liver, if the liver is on the grid.
        noise_hu: standard deviation of the noise.

    Raises:
        ValueError: so many lesions do not fit.
    """
    random = np.random.default_rng(seed)
    anatomy = _Anatomy.draw(random, lesions)
    voxels = np.empty(shape, np.float32)
    labels = np.empty(shape, np.uint8)
    for number in range(shape[0]):
        height = (number - (shape[0] - 1) / 2) * spacing[0]
        voxels[number], labels[number] = _slice(anatomy, height, shape[1:], spacing[1:])
    grain = ndimage.gaussian_filter(random.standard_normal(shape, np.float32), (0, 0.7, 0.7))
    voxels += grain * (noise_hu / (grain.std() or 1))
    affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    affine[:3, 3] = [(n - 1) / 2 * mm for n, mm in zip(shape[:0:-1], spacing[:0:-1], strict=True)] + [
        -(shape[0] - 1) / 2 * spacing[0]
    ]
    return Phantom(Volume(np.rint(voxels).clip(-1024, 3071).astype(np.int16), affine), labels)


@dataclass(frozen=True)
class _Ball:
    """An ellipsoid, its surface waved a little so that organs are not geometric.

    Coordinates are (up, back, left) in millimetres from the middle of the trunk.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    waves: float = 0.0

    def span(self) -> Span:
        """Lowest and highest corner."""
        reach = np.multiply(self.radii, 1 + self.waves).astype(np.float32)
        return np.array(self.centre, np.float32) - reach, np.array(self.centre, np.float32) + reach

    def __call__(self, grid: Grid) -> NDArray[np.bool_]:
        """Mark the points that lie inside."""
        up, back, left = ((at - c) / r for at, c, r in zip(grid, self.centre, self.radii, strict=True))
        wave = 1 + self.waves * np.sin(3 * back + 2 * up) * np.cos(3 * left - up) if self.waves else 1
        return (up * up + back * back + left * left) * wave < 1


@dataclass(frozen=True)
class _Tube:
    """A round tube between two points."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float

    def span(self) -> Span:
        """Lowest and highest corner."""
        ends = np.array([self.start, self.end], np.float32)
        return ends.min(axis=0) - self.radius, ends.max(axis=0) + self.radius

    def __call__(self, grid: Grid) -> NDArray[np.bool_]:
        """Mark the points that lie inside."""
        start, along = np.array(self.start, np.float32), np.subtract(self.end, self.start).astype(np.float32)
        relative = [at - s for at, s in zip(grid, start, strict=True)]
        share = sum(r * a for r, a in zip(relative, along, strict=True)) / float(along @ along)
        share = np.clip(share, 0, 1)
        return sum((r - share * a) ** 2 for r, a in zip(relative, along, strict=True)) < self.radius**2


Shape = Union[_Ball, _Tube]


@dataclass(frozen=True)
class _Lesion:
    ball: _Ball
    hounsfield: float


@dataclass(frozen=True)
class _Anatomy:
    """Everything that is drawn, in the order in which it is drawn."""

    size: float
    surroundings: tuple[tuple[Shape, float], ...]
    liver: tuple[_Ball, ...]
    vessels: tuple[_Tube, ...]
    lesions: tuple[_Lesion, ...]

    @classmethod
    def draw(cls, random: np.random.Generator, lesions: int) -> _Anatomy:
        size = float(random.uniform(0.94, 1.06))
        lobes = (_Ball(_RIGHT_LOBE, _RIGHT_RADII, 0.06), _Ball((26, -40, -14), (40, 36, 58), 0.05))
        trunk = (*_trunk(), *_bowel(random), *((rib, _BONE) for rib in _ribs()))
        return cls(size, trunk, lobes, tuple(_branches(random)), tuple(_lesions(random, lesions)))


def _trunk() -> Iterator[tuple[Shape, float]]:
    """Body wall, chest, spine, great vessels and organs other than the liver."""
    yield _Ball((0, 0, 0), (900, 118, 168)), _FAT
    yield _Ball((0, 4, 0), (900, 106, 152)), _MUSCLE
    yield _Ball((0, -8, 0), (900, 86, 132)), _FAT - 5
    yield _Ball((142, 0, -68), (62, 84, 60)), _LUNG
    yield _Ball((138, 0, 68), (72, 84, 60)), _LUNG
    yield _Ball((136, -30, 18), (44, 44, 52)), _HEART
    for side in (-1, 1):
        yield _Tube((-300, 84, side * 34), (300, 84, side * 34), 19), _MUSCLE
        yield _Tube((-300, 56, side * 36), (10, 56, side * 28), 17), _MUSCLE
        yield _Ball((-52 - 5 * side, 40, side * 66), (54, 27, 25)), _KIDNEY
        yield _Ball((-52 - 5 * side, 38, side * 58), (20, 9, 12)), _FAT
    yield _Tube((-300, 68, 0), (300, 68, 0), 21), _BONE - 230
    yield _Tube((-300, 94, 0), (300, 94, 0), 8), _BONE
    yield _Tube((-300, 40, 12), (300, 40, 12), 11), _AORTA
    yield _Tube((-300, 36, -16), (300, 36, -16), 12), _VESSEL
    yield _Ball((24, 32, 102), (44, 34, 22), 0.05), _SPLEEN
    yield _Ball((16, -34, 70), (46, 34, 36), 0.05), _STOMACH
    yield _Tube((-30, -2, -20), (8, 16, 70), 11), _PANCREAS


def _bowel(random: np.random.Generator) -> Iterator[tuple[Shape, float]]:
    for _ in range(26):
        centre = np.array([random.uniform(-160, -55), random.uniform(-62, 10), random.uniform(-70, 80)])
        end = centre + random.uniform(-28, 28, 3)
        tube = _Tube(_point(centre), _point(end), float(random.uniform(9, 15)))
        yield tube, float(random.uniform(15, 70))


def _ribs() -> Iterator[_Tube]:
    turns = np.linspace(0.15 * np.pi, 0.85 * np.pi, 7)
    for level in range(-4, 6):
        for side in (-1, 1):
            arc = [(level * 32 - 40 * t / np.pi, 96 * float(np.cos(t)), side * 139 * float(np.sin(t))) for t in turns]
            yield from (_Tube(a, b, 5.5) for a, b in pairwise(arc))


def _branches(random: np.random.Generator) -> Iterator[_Tube]:
    root = np.array([0.0, 6.0, -30.0])
    for turn in np.linspace(-0.9, 0.9, 5) + random.uniform(-0.1, 0.1, 5):
        middle = root + 34 * np.array([np.sin(turn), -0.3, -np.cos(turn)])
        yield _Tube(_point(root), _point(middle), 4.5)
        for spread in random.uniform(-0.8, 0.8, 2):
            tip = middle + 30 * np.array([np.sin(turn + spread), 0.5 * spread, -np.cos(turn + spread)])
            yield _Tube(_point(middle), _point(tip), 2.6)


def _lesions(random: np.random.Generator, count: int) -> Iterator[_Lesion]:
    placed: list[tuple[NDArray[np.float64], float]] = []
    for _ in range(_TRIES):
        if len(placed) == count:
            return
        radius = float(random.uniform(6, 16)) if len(placed) else 17.0
        direction = random.standard_normal(3)
        reach = random.uniform(0.2, 1) * direction / np.linalg.norm(direction)
        centre = np.array(_RIGHT_LOBE) + reach * (np.array(_RIGHT_RADII) * 0.94 - 1.35 * radius)
        if all(np.linalg.norm(centre - other) > radius + far + 6 for other, far in placed):
            placed.append((centre, radius))
            radii = radius * random.uniform(0.8, 1.15, 3)
            ball = _Ball(_point(centre), _point(radii), 0.08)
            yield _Lesion(ball, float(random.uniform(38, 66)))
    msg = f"only {len(placed)} lesions fit into the phantom's liver, not {count}"
    raise ValueError(msg)


def _point(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = values.tolist()
    return first, second, third


def _slice(
    anatomy: _Anatomy, height: float, size: tuple[int, int], spacing: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """HU with partial volume, and labels by majority, of one slice."""
    grid = _fine_grid(height, size, spacing, anatomy.size)
    hounsfield = np.full(np.broadcast_shapes(*(g.shape for g in grid)), _AIR, np.float32)
    for shape, value in anatomy.surroundings:
        _paint(hounsfield, shape, grid, value)
    liver, diseased = np.zeros(hounsfield.shape, bool), np.zeros(hounsfield.shape, bool)
    for lobe in anatomy.liver:
        _paint(liver, lobe, grid, True)
    hounsfield[liver] = _LIVER
    for vessel in anatomy.vessels:
        _paint(hounsfield, vessel, grid, _VESSEL, liver)
    for lesion in anatomy.lesions:
        _paint(hounsfield, lesion.ball, grid, lesion.hounsfield, liver)
        _paint(diseased, lesion.ball, grid, True, liver)
    return _coarser(hounsfield), _majority(_coarser(liver.astype(np.float32)), _coarser(diseased.astype(np.float32)))


def _paint(
    canvas: NDArray, shape: Shape, grid: Grid, value: float | bool, within: NDArray[np.bool_] | None = None
) -> None:
    """Set the points of a shape, looking only where it can be."""
    low, high = shape.span()
    height = float(grid[0].flat[0])
    if not low[0] <= height <= high[0]:
        return
    rows = slice(*np.searchsorted(grid[1].ravel(), (low[1], high[1])))
    columns = slice(*np.searchsorted(grid[2].ravel(), (low[2], high[2])))
    inside = shape((grid[0], grid[1][rows], grid[2][:, columns]))
    if within is not None:
        inside &= within[rows, columns]
    canvas[rows, columns][inside] = value


def _fine_grid(height: float, size: tuple[int, int], spacing: tuple[float, float], scale: float) -> Grid:
    rows, columns = (
        ((np.arange(n * _FINER) + 0.5) / _FINER - n / 2).astype(np.float32) * np.float32(mm / scale)
        for n, mm in zip(size, spacing, strict=True)
    )
    return np.full((1, 1), height / scale, np.float32), rows[:, None], columns[None]


def _coarser(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (n // _FINER for n in fine.shape)
    return fine.reshape(rows, _FINER, columns, _FINER).mean(axis=(1, 3))


def _majority(liver: NDArray[np.float32], diseased: NDArray[np.float32]) -> NDArray[np.uint8]:
    labels = (liver >= 0.5).astype(np.uint8)
    labels[(liver >= 0.5) & (diseased >= liver / 2)] = 2
    return labels
