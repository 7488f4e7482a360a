"""Doubts about a CT once the liver in it is known: unlike those trained on, or with a false spacing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from scipy import ndimage

from ..core.labels import LIVER_LABEL, bounding_box
from ..core.schema import StrictModel

_BODY_HU = -200
_ABOVE_CUT_OFF = 15
_BODY_CM2 = (200.0, 1250.0)
"""What an adult's body covers of a slice through the liver; eight of LiTS cover 570 to 1190."""

_QUANTILES = (0.05, 0.95)
_FROM_DIFFERENCES = 0.6745 * np.sqrt(2)
"""Median of the absolute difference of two pixels whose noise is normal, in standard deviations of that noise."""

_INSIDE = 3


class CTMeasures(NamedTuple):
    """What can be told of a CT by the liver in it.

    Args:
        liver_hu: median HU of the liver without its lesions.
        noise_hu: standard deviation of noise inside it, from differences of neighbouring pixels.
        slice_mm: between slices.
        body_cm2: area of the body in the liver's largest slice.
    """

    liver_hu: float
    noise_hu: float
    slice_mm: float
    body_cm2: float


class Range(StrictModel):
    """Where most of the CTs lie."""

    low: float
    high: float

    @model_validator(mode="after")
    def _is_one(self) -> Range:
        if self.low > self.high:
            msg = f"a range does not run from {self.low:g} to {self.high:g}"
            raise ValueError(msg)
        return self


class SeenCTs(StrictModel):
    """The CTs of a model's patients, from the 5th to the 95th percentile; units as in :class:`CTMeasures`."""

    liver_hu: Range
    noise_hu: Range
    slice_mm: Range

    @classmethod
    def of(cls, measures: Sequence[CTMeasures]) -> SeenCTs:
        """The ranges of patients; there is at least one."""

        def span(name: str) -> Range:
            low, high = np.quantile([getattr(each, name) for each in measures], _QUANTILES).round(2).tolist()
            return Range(low=low, high=high)

        return cls(liver_hu=span("liver_hu"), noise_hu=span("noise_hu"), slice_mm=span("slice_mm"))


def measure_ct(
    labels: NDArray[np.uint8], hounsfield: NDArray[np.int16], spacing: tuple[float, float, float]
) -> CTMeasures | None:
    """Measure a CT by the liver in it; None without one.

    Args:
        labels: ``[slice, row, column]``, from the feet up: 0 background, 1 liver, 2 lesion.
        hounsfield: HU of the same shape.
        spacing: millimetres between slices, rows and columns.
    """
    if not labels.any():
        return None
    box = bounding_box(labels)
    liver = labels[box] == LIVER_LABEL
    if not liver.any():
        return None
    at = box[0].start + int(np.count_nonzero(labels[box], axis=(1, 2)).argmax())
    return CTMeasures(
        float(np.median(hounsfield[box][liver])),
        _noise(hounsfield[at], labels[at] == LIVER_LABEL),
        spacing[0],
        _body_pixels(hounsfield[at]) * spacing[1] * spacing[2] / 100,
    )


def _noise(slice_hu: NDArray[np.int16], liver: NDArray[np.bool_]) -> float:
    inside = ndimage.binary_erosion(liver, iterations=_INSIDE)
    pairs = inside[:, 1:] & inside[:, :-1]
    if not pairs.any():
        return 0.0
    return float(np.median(np.abs(np.diff(slice_hu.astype(np.float32), axis=1))[pairs]) / _FROM_DIFFERENCES)


def _body_pixels(slice_hu: NDArray[np.int16]) -> int:
    """The largest part that is no air, filled; the couch is another. Where HU were cut off, air is the lowest."""
    air = max(_BODY_HU, int(slice_hu.min()) + _ABOVE_CUT_OFF)
    parts, count = ndimage.label(ndimage.binary_opening(slice_hu > air, iterations=2))
    if not count:
        return 0
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    return int(np.count_nonzero(ndimage.binary_fill_holes(parts == largest)))


def describe_doubts(measures: CTMeasures, seen: SeenCTs | None) -> Iterator[str]:
    """What a reader should know of a CT, a sentence each."""
    if seen:
        unlike = list(_unlike(measures, seen))
        if unlike:
            yield (
                f"This CT is unlike most that the model was trained on ({'; '.join(unlike)}): check its result with "
                "more care."
            )
    low, high = _BODY_CM2
    if not low <= measures.body_cm2 <= high:
        yield (
            f"The body covers {measures.body_cm2:.0f} cm² of a slice through the liver, and most adults' {low:.0f} to "
            f"{high:.0f}: unless the patient is a child, very large or cut off, the spacing in the file is false, and "
            "so is every volume and diameter."
        )


def _unlike(measures: CTMeasures, seen: SeenCTs) -> Iterator[str]:
    liver, noise, thick = seen.liver_hu, seen.noise_hu, seen.slice_mm
    if measures.liver_hu < liver.low:
        yield f"a liver of {measures.liver_hu:.0f} HU, theirs from {liver.low:.0f} on: perhaps without contrast agent"
    if measures.liver_hu > liver.high:
        yield f"a liver of {measures.liver_hu:.0f} HU, theirs up to {liver.high:.0f}: perhaps another phase"
    if measures.noise_hu > noise.high:
        yield f"noise of {measures.noise_hu:.0f} HU, theirs up to {noise.high:.0f}"
    if measures.slice_mm > thick.high:
        yield f"slices {measures.slice_mm:.1f} mm apart, theirs up to {thick.high:.1f} mm"
