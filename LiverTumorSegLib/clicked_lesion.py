"""One lesion from points in it and beside it, measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Union

import numpy as np
from numpy.typing import NDArray

from .core.about import CLICK_MODEL
from .core.errors import UserError
from .core.labels import LESION_LABEL, LIVER_LABEL
from .core.progress import CancelToken
from .core.volume import Volume
from .inference.clicks.editing import Point
from .inference.clicks.lesion import Known, find_lesion
from .models.model_folder import Model
from .models.store import load_model
from .reporting.lesions import Lesion, measure_lesions


@dataclass(frozen=True)
class SegmentedLesion:
    """One lesion of a CT, from clicks.

    Args:
        mask: bool ``[k, j, i]`` on the CT's grid.
        probability: that its voxels are lesion, on average, as the network says; not calibrated.
        measures: volume in ml, diameters and places in mm (RAS), density in HU; what needs the liver is None where that
            is not known. Of a lesion in several parts, the largest is measured.
        warnings: what is doubtful about it, a sentence each.
        device: where it was segmented, and in which precision.

    Example:
        >>> import numpy as np
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> lesion = lts.segment_lesion(volume, [(55, 7, 31)])
        >>> lesion.measures.number, lesion.measures.surface_distance_mm
        (1, None)
    """

    mask: NDArray[np.bool_]
    probability: float
    measures: Lesion
    warnings: tuple[str, ...]
    device: str


def segment_lesion(
    volume: Volume,
    inside: Iterable[Point],
    outside: Iterable[Point] = (),
    *,
    previous: NDArray[np.bool_] | None = None,
    model: Union[str, PathLike[str], Model, None] = None,
    labels: NDArray[np.unsignedinteger] | None = None,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> SegmentedLesion:
    """Segment and measure the lesion that points lie in.

    To improve a lesion, ask with all points and give the mask before as ``previous``. Other lesions are not minded.

    Args:
        volume: CT in HU, in any orientation.
        inside: points in the lesion, RAS in mm (right, anterior and superior positive); at least one.
        outside: points beside it.
        previous: bool ``[k, j, i]`` on the CT's grid: the lesion as it was before the last of these points.
        model: name of a model for clicks, its folder, or a loaded model; None for the one that ships.
        labels: ``[k, j, i]`` on the CT's grid, 1 for the liver and anything larger for lesions, where they are known:
            the network sees the CT relative to the liver's median, which is guessed from around the first point
            without them.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        cancel: checked before every look.

    Returns:
        The lesion on the CT's grid. Where the network sees none, it is the likeliest part around the points, with a
        low probability and a warning that there may be none.

    Raises:
        UserError: a point is outside the CT or in air, or both inside and outside the lesion; there is none inside; an
            array has another shape than the CT; the model is not there or not for clicks, or the device is not there.
        Cancelled: ``cancel`` was used.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> first = lts.segment_lesion(volume, [(55, 7, 31)])
        >>> first.mask.shape == volume.voxels.shape, first.mask.dtype
        (True, dtype('bool'))
        >>> better = lts.segment_lesion(volume, [(55, 7, 31)], [(30, 7, 31)], previous=first.mask)
        >>> better.measures.volume_ml > 0
        True
    """
    _check_shape("previous", previous, volume)
    _check_shape("labels", labels, volume)
    points_inside, points_outside = _points("inside", inside), _points("outside", outside)
    loaded = model if isinstance(model, Model) else load_model(CLICK_MODEL if model is None else fspath(model))
    before = None if previous is None else np.asarray(previous) != 0
    found = find_lesion(volume, loaded, points_inside, points_outside, Known(before, labels), device, cancel)
    return SegmentedLesion(
        found.mask, found.probability, _measured(found.mask, volume, labels), found.warnings, found.device
    )


def _points(name: str, points: Iterable[Point]) -> list[Point]:
    """Points as tuples of numbers.

    Raises:
        UserError: they are no list of points.
    """
    try:
        found = [(float(r), float(a), float(s)) for r, a, s in points]
    except (TypeError, ValueError) as error:
        msg = f"{name} is not a list of points: give three numbers for each, as in [(12.5, -30, 85)]."
        raise UserError(msg) from error
    return found


def _check_shape(name: str, array: NDArray | None, volume: Volume) -> None:
    if array is not None and np.shape(array) != volume.voxels.shape:
        shapes = f"{np.shape(array)}, and the CT {volume.voxels.shape}"
        msg = f"{name} has the shape {shapes}: give an array [k, j, i] on the CT's own grid."
        raise UserError(msg)


def _measured(mask: NDArray[np.bool_], volume: Volume, labels: NDArray[np.unsignedinteger] | None) -> Lesion:
    """Measures of a lesion in the liver and the lesions of labels, of which none is measured with it."""
    organ = np.zeros(mask.shape, np.uint8) if labels is None else np.where(labels > 0, LIVER_LABEL, 0).astype(np.uint8)
    organ[mask] = LESION_LABEL
    return measure_lesions(organ, volume, ("lesion",)).lesions[0]
