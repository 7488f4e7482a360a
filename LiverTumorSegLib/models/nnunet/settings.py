"""How a model that comes from nnU-Net is run: the part of ``model.json`` that its plans become.

Axes are those of nnU-Net's arrays after ``transpose``; Isensee et al. 2021, nnU-Net, Methods, names what is set here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...core.labels import LESION_LABEL, LIVER_LABEL
from ...core.schema import StrictModel
from ...core.structures import STRUCTURES

Count = Annotated[int, Field(ge=1, le=4096)]
Millimetres = Annotated[float, Field(gt=0.05, le=100)]
Triple = tuple[Millimetres, Millimetres, Millimetres]
_AXES = 3

OWN_LABELS = {"background": 0, "liver": LIVER_LABEL, "lesion": LESION_LABEL}
"""Labels that every model of this program knows."""


class Normalisation(StrictModel):
    """What becomes of HU.

    Args:
        scheme: ``ct`` clips, then subtracts a mean and divides by a deviation, which were measured in training;
            ``z_score`` takes both of the image itself; ``to_unit`` brings its least and greatest value to 0 and 1;
            ``of_bytes`` divides by 255; ``none`` leaves it.
        low, high, mean, deviation: in HU, of ``ct``.
        within_mask: of ``z_score``: only where the image is not 0.
    """

    scheme: Literal["ct", "z_score", "to_unit", "of_bytes", "none"]
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    deviation: float = Field(1.0, ge=0)
    within_mask: bool = False


class Resampling(StrictModel):
    """How an image, or logits, come to another spacing.

    Args:
        method: a ``spline`` of an order, ``linear``, or ``none``.
        order: of the spline, within slices where these are resampled apart.
        order_z: of the spline from slice to slice, where slices are resampled apart.
        separate_z: whether slices are resampled apart; None where the spacing decides.
    """

    method: Literal["spline", "linear", "none"]
    order: int = Field(3, ge=0, le=5)
    order_z: int = Field(0, ge=0, le=5)
    separate_z: bool | None = None


class Surroundings(StrictModel):
    """What TotalSegmentator does around nnU-Net (Wasserthal et al. 2023; its ``python_api.py`` and ``resampling.py``).

    Args:
        spacing_mm: along x, y and z, that a CT is brought to first, in RAS; None where it keeps its own.
        liver_margin_mm: around the liver, outside of which nothing is looked at; None where all is.
    """

    spacing_mm: Triple | None = None
    liver_margin_mm: float | None = Field(None, ge=0, le=200)


class NnUNet(StrictModel):
    """How an nnU-Net is run.

    Args:
        configuration: its name in the plans, such as ``3d_fullres``.
        outputs: what each channel of the logits is: ``background``, ``liver``, ``lesion``, a name of
            :data:`LiverTumorSegLib.core.structures.STRUCTURES`, or nothing for what is not shown; several may be
            the same, such as kinds of lesions.
        regions: channels may overlap, have no background, and are written in their order, later over earlier.
        order: with ``regions``: channels from the first written to the last.
        spacing_mm: along the axes; of a configuration for slices along rows and columns alone.
        patch: voxels along the same axes.
        transpose: which of the axes k, j, i comes first, second and third.
        normalisation: of the CT.
        image, logits: how each is resampled.
        step: from a tile to the next, in parts of the patch, at most.
        mirror_axes: of the patch, along which mirrored passes are averaged.
        folds: networks that are averaged.
        orientation: in which a CT is shown to the network: ``stored``, as its file has it, or ``RAS``.
        around: what TotalSegmentator does around it, where the model is one of its.
    """

    configuration: str
    outputs: tuple[str, ...] = Field(min_length=1, max_length=255)
    regions: bool = False
    order: tuple[int, ...] = ()
    spacing_mm: tuple[Millimetres, ...] = Field(min_length=2, max_length=3)
    patch: tuple[Count, ...] = Field(min_length=2, max_length=3)
    transpose: tuple[int, int, int] = (0, 1, 2)
    normalisation: Normalisation
    image: Resampling
    logits: Resampling
    step: float = Field(0.5, gt=0, le=1)
    mirror_axes: tuple[int, ...] = ()
    folds: int = Field(1, ge=1, le=20)
    orientation: Literal["stored", "RAS"] = "stored"
    around: Surroundings | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> NnUNet:
        axes, known = len(self.patch), {"", *OWN_LABELS, *STRUCTURES}
        if len(self.spacing_mm) != axes or sorted(self.transpose) != [0, 1, 2]:
            msg = f"spacing_mm and patch have as many numbers as axes, and transpose names each of {_AXES} axes once"
            raise ValueError(msg)
        if not set(self.mirror_axes) <= set(range(axes)) or len(set(self.mirror_axes)) != len(self.mirror_axes):
            msg = f"mirror_axes are some of {', '.join(map(str, range(axes)))}, each once"
            raise ValueError(msg)
        if unknown := sorted(set(self.outputs) - known):
            msg = f"outputs are structures that are known here, and not {', '.join(unknown)}"
            raise ValueError(msg)
        if self.regions != bool(self.order) or (self.order and sorted(self.order) != list(range(len(self.outputs)))):
            msg = "order names each channel of regions once, and nothing else"
            raise ValueError(msg)
        if self.regions == ("background" in self.outputs) or (not self.regions and self.outputs[0] != "background"):
            msg = "the first of the outputs is the background, which regions do not have"
            raise ValueError(msg)
        return self

    @property
    def values(self) -> tuple[int, ...]:
        """Label that each channel is written as: 0 where it is not shown."""
        known = OWN_LABELS | {name: segment.label for name, segment in STRUCTURES.items()} | {"": 0}
        return tuple(known[name] for name in self.outputs)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of what it finds beside liver and lesions."""
        return tuple(dict.fromkeys(name for name in self.outputs if name in STRUCTURES))

    @property
    def labels(self) -> tuple[str, ...]:
        """Background, and those of liver and lesion that it finds, as models of this program name them."""
        return "background", *(name for name in ("liver", "lesion") if name in self.outputs)
