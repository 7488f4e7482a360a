"""Ranges of the random changes, those of published systems by name, and the smooth displacements they allow."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field
from scipy.interpolate import BSpline

from ...core.schema import StrictModel

_DEGREE = 3
_LOCKED = 2
_INJECTIVE = {2: 2.046392675, 3: 2.479472335}


def draw_control_points(
    largest: float, points: int, batch: int, random: np.random.Generator, axes: int = 2
) -> NDArray[np.float32]:
    """Draw displacements of control points; the outer two along each border stay: the border moves a sixth at most.

    Args:
        largest: displacement along each axis, in pixels.
        points: control points along each axis.
        batch: how many grids.
        random: source of random numbers.
        axes: 2 for slices, 3 for volumes.

    Returns:
        ``[batch, axis, points, points]`` or, for volumes, ``[batch, axis, points, points, points]``; displacements
        along the axes in their order.
    """
    inner = points - 2 * _LOCKED
    drawn = random.uniform(-largest, largest, (batch, axes, *[inner] * axes))
    pads = ((0, 0), (0, 0), *[(_LOCKED, _LOCKED)] * axes)
    return np.pad(drawn, pads).astype(np.float32)


def displacements(control: torch.Tensor, size: int) -> torch.Tensor:
    """Displacement of every pixel of a square, ``[batch, axis, size, size]``, in the unit of the control points."""
    basis = _basis(control.shape[-1], size, control.device)
    return basis @ control @ basis.T


def displacements_in_space(control: torch.Tensor, size: tuple[int, int, int]) -> torch.Tensor:
    """The same of every voxel of a box, ``[batch, axis, *size]``."""
    points = control.shape[-1]
    for count in size:  # each turn takes the first of the control points' axes, and adds the box's as the last
        control = torch.tensordot(control, _basis(points, count, control.device), dims=([2], [1]))
    return control


@lru_cache(maxsize=8)
def _basis(points: int, size: int, device: torch.device) -> torch.Tensor:
    """Share of every control point in every pixel along an axis, ``[size, points]``; brought to a device once."""
    at = (np.arange(size) + 0.5) / size * (points - _DEGREE)
    knots = np.arange(-_DEGREE, points + 1)
    weights = BSpline.design_matrix(at, knots, _DEGREE).toarray().astype(np.float32)
    return torch.from_numpy(weights).to(device)


def largest_without_folding(points: int, size: int, axes: int = 2) -> float:
    """Displacement of control points, in pixels along each axis, up to which no two pixels can change places.

    Choi and Lee 2000, Injectivity conditions of 2D and 3D uniform cubic B-spline functions: less than the distance of
    the control points divided by 2.046; by 2.479 in volumes.
    """
    return size / (points - _DEGREE) / _INJECTIVE[axes]


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        msg = f"a range goes from its smaller to its larger end, not from {ends[0]} to {ends[1]}"
        raise ValueError(msg)
    return ends


Reach = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=0)]
Factors = Annotated[tuple[Factor, Factor], AfterValidator(_ascending)]
Ends = Annotated[tuple[float, float], AfterValidator(_ascending)]


class SyntheticLesions(StrictModel):
    """Lesions painted into liver; for chains that end in a window, with one channel a slice.

    Args:
        share: of the samples that get any.
        most: lesions a sample.
        radius: range, in pixels; small ones are as likely as those twice their size.
        contrast: range of what they are darker by, 1 is the preprocessing window.
        bright: share of them that are brighter by that instead.
        rim: share of them with a rim.
        depth: pixels from one slice of a stack to the next.
    """

    share: Share = 0.3
    most: int = Field(3, ge=1, le=20)
    radius: Factors = (2.5, 16)
    contrast: Annotated[tuple[Reach, Reach], AfterValidator(_ascending)] = (0.06, 0.35)
    bright: Share = 0.1
    rim: Share = 0.2
    depth: Factor = 2.4


class Augmentation(StrictModel):
    """Ranges of the random changes; what is not given is as the shipped model was trained.

    Args:
        rotation: degrees to either side, about the patient's long axis.
        tilt: degrees to either side about the two other axes, for volumes; None for a third of the rotation.
        zoom: smallest and largest magnification; it also covers files whose spacing is not the true one.
        isotropic: whether all axes have the same magnification, or each its own of that range.
        stretch: how much more rows may be magnified than columns, or less: logarithm of the ratio.
        shear: pixels that a column may slide along the one before it, to either side.
        shift: pixels to either side; voxels of a volume.
        shift_share: the same as a share of the cut's side; both are added.
        elastic: largest displacement of a control point along each axis, in pixels or voxels of the cut.
        elastic_points: control points along each axis.
        distance: of neighbouring slices in a stack, in units of the stack's spacing.
        gamma: largest logarithm of the power to which values are raised, to either side.
        gain: change of the contrast, a share to either side.
        offset: added to all values, to either side; 1 is the preprocessing window.
        noise: largest standard deviation; 1 is the preprocessing window, or a standard score.
        blur: share of samples seen at a lower resolution.
        floor: share of samples whose dark end is cut off, as in data clipped at another HU.
        liver_offset: range added to the liver alone (fatty liver, other contrast phases), 1 is the preprocessing
            window; lesions are offset with it, so that they keep their contrast.
        liver_share: share of samples with such an offset.
        synthetic_lesions: painted into the liver; None for none.
    """

    rotation: Reach = 15
    tilt: Reach | None = None
    zoom: Factors = (0.75, 1.4)
    isotropic: bool = True
    stretch: Reach = 0.1
    shear: Reach = 0.08
    shift: Reach = 24
    shift_share: Reach = 0
    elastic: Reach = 0
    elastic_points: int = Field(7, ge=5, le=64)
    distance: Factors = (0.5, 1.5)
    gamma: Reach = 0
    gain: Annotated[float, Field(ge=0, lt=1)] = 0.12
    offset: Reach = 0.06
    noise: Reach = 0.05
    blur: Share = 0.2
    floor: Share = 0.2
    liver_offset: Ends = (-0.3, 0.12)
    liver_share: Share = 0.35
    synthetic_lesions: SyntheticLesions | None = None

    def check_folding(self, size: int, axes: int = 2) -> None:
        """Raise ``ValueError`` where elastic displacements can fold a cut of so many pixels on its shortest side."""
        largest = largest_without_folding(self.elastic_points, size, axes)
        if self.elastic > largest:
            what = "crop" if axes == 2 else "patch"
            msg = (
                f"an elastic displacement of {self.elastic:g} pixels can fold a {what} of {size} pixels with "
                f"{self.elastic_points} control points: at most {largest:.1f} keep it whole"
            )
            raise ValueError(msg)


_NONE = Augmentation(
    rotation=0,
    tilt=0,
    zoom=(1, 1),
    stretch=0,
    shear=0,
    shift=0,
    distance=(1, 1),
    gain=0,
    offset=0,
    noise=0,
    blur=0,
    floor=0,
    liver_offset=(0, 0),
    liver_share=0,
)

# li: the text gives "10 percent" of rotation, 5 % of shift and zoom, and shear without a number, for parameters named
# as those of Keras' ImageDataGenerator, which draws a zoom for each axis. Its rotation_range is in degrees: a tenth of
# a degree would move the corner of a 512-pixel slice by half a pixel, which is no augmentation, and a tenth of a turn,
# 36 degrees, is not the small rotation that the text speaks of. So 10 is taken as degrees, and shear as the 5 % of the
# others. What lies outside a slice mirrors it here, where Keras repeats the border.
#
# ahmad: affine, elastic and intensity changes with TorchIO, without numbers, so as in TorchIO by default:
# RandomAffine turns by 10 degrees and scales each axis by 0.9 to 1.1; RandomElasticDeformation has 7 control points an
# axis, the outer two locked, and 7.5 mm, taken as pixels since slices have no common spacing; RandomGamma has a
# logarithm of 0.3, and is the one of its intensity changes that imitates no artefact. Translation, which the text
# names, is 0 by default in TorchIO: li's 5 % stands in.
#
# torchio: what public projects that segment livers with TorchIO share, its affine changes alone.
SETS = {
    "none": _NONE,
    "li": _NONE.model_copy(
        update={"rotation": 10.0, "zoom": (0.95, 1.05), "isotropic": False, "shift_share": 0.05, "shear": 0.05}
    ),
    "ahmad": _NONE.model_copy(
        update={
            "rotation": 10.0,
            "tilt": 10.0,
            "zoom": (0.9, 1.1),
            "isotropic": False,
            "shift_share": 0.05,
            "elastic": 7.5,
            "gamma": 0.3,
        }
    ),
    "torchio": _NONE.model_copy(update={"rotation": 10.0, "tilt": 10.0, "zoom": (0.9, 1.1), "isotropic": False}),
    "unet-lits": Augmentation(),
}


def _by_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in SETS:
        msg = f"there is no set of augmentations called “{value}”: choose one of {', '.join(SETS)}, or give ranges"
        raise ValueError(msg)
    return SETS[value]


NamedAugmentation = Annotated[Augmentation, BeforeValidator(_by_name)]
