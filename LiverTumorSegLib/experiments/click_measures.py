"""How well lesions are segmented by clicks: a simulated reader clicks into each, and again where it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.boxed import Boxed
from ..core.errors import UserError
from ..core.labels import LESION_LABEL, liver_median
from ..core.progress import Job
from ..core.schema import StrictModel
from ..core.volume import Volume
from ..evaluation.overlap import dice
from ..inference.clicks.frame import ClickFrame, Point
from ..inference.clicks.lesion import Known, find_lesion
from ..models.model_folder import Model
from ..training.clicks.lesions import ball_diameter_mm
from ..training.clicks.reader import depths, largest_part, scattered

CLICKS = 5
SCATTERS_MM = (0.0, 3.0, 5.0)
"""Standard deviations of a click's distance from where it was meant, over all axes together."""

_FEWEST_VOXELS = 5
_SPARE = 2
GOOD = 0.8
"""Dice of an outline that needs no other click."""

Found = Callable[[Sequence[Point], Sequence[Point], "NDArray[np.bool_] | None"], "NDArray[np.bool_]"]
"""Gives a mask ``[slice, row, column]`` for points inside, points outside, and the mask before."""


class LesionClicks(StrictModel):
    """One lesion's Dice by the number of clicks.

    Args:
        diameter_mm: of the ball of its volume.
        scatter_mm: how far clicks were from where they were meant, a standard deviation.
        dice: after one click, two, and so on.
        seconds: from the first click to its answer.
        automatic: whether the network was shown another model's probabilities.
    """

    diameter_mm: float
    scatter_mm: float
    automatic: bool = False
    dice: tuple[float, ...]
    seconds: float

    @property
    def needed(self) -> int | None:
        """Clicks until a Dice of 0.8; None where it was never reached."""
        return next((count for count, dice in enumerate(self.dice, start=1) if dice >= GOOD), None)


class ClickedPatient(NamedTuple):
    """What clicks made of a patient.

    Args:
        labels: uint8 ``[k, j, i]``: every lesion as one click into its middle marks it.
        lesions: each of them, at each scatter.
        device: that answered, and in which precision.
    """

    labels: NDArray[np.uint8]
    lesions: tuple[LesionClicks, ...]
    device: str


def click_into_lesions(
    volume: Volume,
    reference: NDArray[np.uint8],
    model: Model,
    device: str,
    job: Job,
    automatic: NDArray[np.uint16] | None = None,
) -> ClickedPatient:
    """Click into every lesion of a patient, with exact clicks and with scattered ones.

    The first click is in the deepest place of a lesion, each following one in the deepest place of the largest
    connected error. Parts of less than five voxels are left out. The liver's median is that of the reference's liver.

    Args:
        volume: the CT.
        reference: labels ``[k, j, i]``.
        model: for clicks.
        device: where to run.
        job: told of every lesion.
        automatic: another model's probabilities, as :class:`.Known` has them; with them the exact clicks are made once
            more.

    Raises:
        UserError: the device is not there.
        Cancelled: the user asked to stop.
    """
    frame, view = ClickFrame(volume), volume.axial.of(reference)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    marked, liver = volume.axial.of(labels), liver_median(volume, reference)
    masks, clicked, answered = list(lesions_of(view)), [], ""

    def find(
        inside: Sequence[Point],
        outside: Sequence[Point],
        before: NDArray[np.bool_] | None,
        levels: NDArray[np.uint16] | None = None,
    ) -> NDArray[np.bool_]:
        nonlocal answered
        known = Known(None if before is None else Boxed.around(before), automatic=levels, liver_hu=liver)
        found = find_lesion(volume, model, inside, outside, known, device, job.cancel)
        answered = found.device
        return volume.axial.of(found.mask)

    def fits(place: Point) -> bool:
        try:
            frame.of([place])
        except UserError:  # in air, say
            return False
        return True

    turns: list[tuple[Found, float, bool]] = [(find, scatter, False) for scatter in SCATTERS_MM]
    if automatic is not None:
        turns.append((partial(find, levels=automatic), 0.0, True))

    for number, mask in enumerate(masks):
        job.at(number / len(masks), f"Clicking into lesion {number + 1} of {len(masks)}")
        for asked, scatter, shown in turns:
            random = np.random.default_rng([number, round(scatter * 1000)])
            spacing = volume.axial.spacing
            answers, seconds = click_through(asked, mask, frame.point, spacing, scatter, random, fits=fits)
            clicked.append(
                LesionClicks(
                    diameter_mm=ball_diameter_mm(float(mask.sum()) * volume.voxel_ml * 1000),
                    scatter_mm=scatter,
                    automatic=shown,
                    dice=tuple(dice(answer, mask) or 0.0 for answer in answers),
                    seconds=seconds,
                )
            )
            if not scatter and not shown:
                marked[answers[0]] = LESION_LABEL
    return ClickedPatient(labels, tuple(clicked), answered)


def click_through(
    find: Found,
    mask: NDArray[np.bool_],
    places: Callable[[Sequence[float]], Point],
    spacing: tuple[float, float, float],
    scatter_mm: float,
    random: np.random.Generator,
    clicks: int = CLICKS,
    *,
    fits: Callable[[Point], bool] = lambda _: True,
) -> tuple[list[NDArray[np.bool_]], float]:
    """Answers after one click, two, and so on, and the seconds of the first.

    Args:
        find: segments.
        mask: the lesion, ``[slice, row, column]``.
        places: the point in RAS of a slice, row and column.
        spacing: millimetres between slices, rows and columns.
        scatter_mm: standard deviation of clicks, over all axes together.
        random: source of random numbers.
        clicks: how many are made at most.
        fits: whether a place may be clicked at; else the click is not scattered.
    """
    inside: list[Point] = []
    outside: list[Point] = []
    answers: list[NDArray[np.bool_]] = []
    wrong, seconds, taken = mask, 0.0, set[tuple[int, ...]]()
    while len(answers) < clicks:
        place = _deepest(wrong, spacing)
        clicked = _within(scattered(place, spacing, scatter_mm / np.sqrt(3), random), mask.shape)
        if _voxel(clicked) in taken or not fits(places(clicked)):  # nobody clicks there again
            clicked = [float(at) for at in place]
        if _voxel(clicked) in taken:
            break
        taken.add(_voxel(clicked))
        (inside if mask[place] else outside).append(places(clicked))
        began = perf_counter()
        answers.append(find(inside, outside, answers[-1] if answers else None))
        seconds = seconds or perf_counter() - began
        error = _error(answers[-1], mask)
        if error is None:
            break
        wrong = error
    return answers + [answers[-1]] * (clicks - len(answers)), seconds


def _voxel(place: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(at) for at in place)


def lesions_of(view: NDArray[np.uint8]) -> Iterator[NDArray[np.bool_]]:
    """Each connected part of label 2 that has five voxels or more, a mask ``[slice, row, column]`` each."""
    parts, count = ndimage.label(view == LESION_LABEL)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    return (parts == number for number in range(1, count + 1) if sizes[number] >= _FEWEST_VOXELS)


def _boxed(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    return tuple(slice(max(0, side.start - _SPARE), side.stop + _SPARE) for side in box)


def _deepest(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> tuple[int, int, int]:
    """The voxel of a mask that is farthest from what is not."""
    box = _boxed(mask)
    depth = depths(mask[box], spacing)
    deep, row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(deep) + box[0].start, int(row) + box[1].start, int(column) + box[2].start


def _error(answer: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest connected part in which an answer is wrong."""
    both = answer | mask
    box = _boxed(both)
    part = largest_part(answer[box] != mask[box])
    if part is None:
        return None
    whole = np.zeros_like(mask)
    whole[box] = part
    return whole


def _within(place: Sequence[float], shape: tuple[int, ...]) -> list[float]:
    return [float(np.clip(at, 0, n - 1)) for at, n in zip(place, shape, strict=True)]
