"""Series whose slices say odd things of where they lie."""

from __future__ import annotations

import numpy as np
from support.dicom_slices import COLUMN_MM, ORIGIN, ROW_MM, SLICE_MM, Slices, hounsfield, placed

from .case import Handled, Refused, changed

_MIXED = Refused("mixes slices of different direction or spacing in one series")
_NOWHERE = Refused("does not say where its image lies in the patient")
_SHORT = ("Its pixels are 12.5 mm wide", "It covers 12 mm from feet to head")
_IMPOSSIBLE = Refused("a spacing that is not positive or directions that are not at right angles")


def _along(slices: Slices, step, orientation=(1, 0, 0, 0, 1, 0)) -> None:
    for number, one in enumerate(slices):
        one.ImagePositionPatient = [round(float(mm), 6) for mm in ORIGIN + np.array(step) * number]
        one.ImageOrientationPatient = list(orientation)


def _shift(one, *mm) -> None:
    one.ImagePositionPatient = [float(a) + b for a, b in zip(one.ImagePositionPatient, mm, strict=True)]


def _remove(slices: Slices, keyword: str) -> None:
    for one in slices:
        delattr(one, keyword)


@changed("plain", Handled())
def _plain(_) -> None: ...


@changed("a slice missing in the middle", Refused("25.00 mm apart after z = 55.0 mm and 12.50 mm elsewhere"))
def _one_missing(slices) -> None:
    del slices[3]


@changed("two slices missing at different places", Refused("slices are missing"))
def _two_missing(slices) -> None:
    del slices[4], slices[1]


@changed("every second slice missing from the middle on", Refused("slices are missing"))
def _half_missing(slices) -> None:
    del slices[4], slices[2]


@changed("spacing that changes half-way", Refused("resample it to even spacing"))
def _two_spacings(slices) -> None:
    for number, one in enumerate(slices):
        one.ImagePositionPatient = [-5, -7, 30 + SLICE_MM * (number if number < 3 else 3 + (number - 3) / 2)]


@changed("jitter within rounding", Handled())
def _rounded(slices) -> None:
    for one, mm in zip(slices, (0, 0.02, -0.02, 0.01, -0.02, 0), strict=True):
        _shift(one, 0, 0, mm)


@changed("jitter beyond rounding", Handled(says=("lie up to 0.40 mm from where an even stack has them",)))
def _jitter(slices) -> None:
    _shift(slices[2], 0, 0, 0.4)


@changed("a slice a little out of line", Handled(says=("lie up to 0.80 mm from where an even stack has them",)))
def _little_out_of_line(slices) -> None:
    _shift(slices[3], 0.8, 0, 0)


@changed("a slice far out of line", Refused("a slice 4.0 mm out of line at z = 67.5 mm"))
def _out_of_line(slices) -> None:
    _shift(slices[3], 0, 4, 0)


@changed("a bend in the middle", Refused("out of line"))
def _bent(slices) -> None:
    for one in slices[3:]:
        _shift(one, 0, 3, 0)


@changed("files in reverse order", Handled())
def _reversed(slices) -> None:
    slices.reverse()


@changed("instance numbers that run against the positions", Handled())
def _contradicting(slices) -> None:
    for number, one in enumerate(slices):
        one.InstanceNumber = (3 * number) % 6 + 1


@changed("no instance numbers", Handled())
def _unnumbered(slices) -> None:
    _remove(slices, "InstanceNumber")


@changed("one instance number for all", Handled())
def _all_one(slices) -> None:
    for one in slices:
        one.InstanceNumber = 1


@changed("slice thickness and location that contradict the positions", Handled())
def _thickness(slices) -> None:
    for one in slices:
        one.SliceThickness, one.SpacingBetweenSlices, one.SliceLocation = 1, -3, 17


@changed("from the head down", Handled(hounsfield()[::-1], placed(origin=ORIGIN - [0, 0, 5 * SLICE_MM])))
def _head_first(slices) -> None:
    _along(slices, (0, 0, -SLICE_MM))


@changed("no position", _NOWHERE)
def _no_position(slices) -> None:
    _remove(slices, "ImagePositionPatient")


@changed("no position in one slice", _NOWHERE)
def _one_no_position(slices) -> None:
    del slices[2].ImagePositionPatient


@changed("no orientation", _NOWHERE)
def _no_orientation(slices) -> None:
    _remove(slices, "ImageOrientationPatient")


@changed("no pixel spacing", _NOWHERE)
def _no_spacing(slices) -> None:
    _remove(slices, "PixelSpacing")


@changed("spacing of the detector alone", _NOWHERE)
def _detector(slices) -> None:
    for one in slices:
        one.ImagerPixelSpacing = one.PixelSpacing
        del one.PixelSpacing


@changed("pixel spacing zero", _IMPOSSIBLE)
def _zero_spacing(slices) -> None:
    for one in slices:
        one.PixelSpacing = [0, 0.5]


@changed("pixel spacing that differs in one slice", _MIXED)
def _other_spacing(slices) -> None:
    slices[4].PixelSpacing = [ROW_MM, COLUMN_MM * 1.1]


@changed("pixels a metre wide", Refused("more than a patient has"))
def _wide(slices) -> None:
    for one in slices:
        one.PixelSpacing = [1000, 1000]


@changed("orientation that differs in one slice", _MIXED)
def _other_orientation(slices) -> None:
    slices[4].ImageOrientationPatient = [0.995004, 0.099833, 0, -0.099833, 0.995004, 0]


@changed("a mirrored slice", _MIXED)
def _mirrored(slices) -> None:
    slices[4].ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]


@changed("directions of no length", _IMPOSSIBLE)
def _no_length(slices) -> None:
    for one in slices:
        one.ImageOrientationPatient = [0, 0, 0, 0, 0, 0]


@changed("directions that are not at right angles", _IMPOSSIBLE)
def _skew(slices) -> None:
    for one in slices:
        one.ImageOrientationPatient = [1, 0, 0, 0.6, 0.8, 0]


@changed("all slices at one place", Refused("two slices at one place (z = 30.0 mm)"))
def _one_place(slices) -> None:
    _along(slices, (0, 0, 0))


@changed("slices that lie beside each other in one plane", Refused("two slices at one place"))
def _beside(slices) -> None:
    _along(slices, (20, 0, 0))


@changed("positions beyond all numbers", _NOWHERE)
def _far(slices) -> None:
    for number, one in enumerate(slices):
        one.ImagePositionPatient = [0, 0, f"{number - 3}e307"]


_TILT = (0, 3.25, SLICE_MM)


@changed("gantry tilt", Handled(affine=placed(_TILT), says=("tilted against their stacking direction (gantry tilt)",)))
def _tilted(slices) -> None:
    _along(slices, _TILT)


_LEANING = ((1, 0, 0, 0, 0.8, 0.6), (0, -0.6 * SLICE_MM, 0.8 * SLICE_MM))


@changed("an oblique acquisition", Handled(affine=placed(_LEANING[1], _LEANING[0]), says=("Its slices are not axial",)))
def _oblique(slices) -> None:
    _along(slices, _LEANING[1], _LEANING[0])


_CORONAL = ((1, 0, 0, 0, 0, -1), (0, SLICE_MM, 0))


@changed("coronal slices", Handled(affine=placed(_CORONAL[1], _CORONAL[0]), says=_SHORT))
def _coronal(slices) -> None:
    _along(slices, _CORONAL[1], _CORONAL[0])


_SAGITTAL = ((0, 1, 0, 0, 0, -1), (-SLICE_MM, 0, 0))


@changed("sagittal slices", Handled(affine=placed(_SAGITTAL[1], _SAGITTAL[0]), says=_SHORT))
def _sagittal(slices) -> None:
    _along(slices, _SAGITTAL[1], _SAGITTAL[0])


_PRONE = ((-1, 0, 0, 0, -1, 0), (0, 0, SLICE_MM))


@changed("a patient who lies prone", Handled(affine=placed(_PRONE[1], _PRONE[0])))
def _prone(slices) -> None:
    _along(slices, _PRONE[1], _PRONE[0])
