"""An earlier CT's liver brought onto a later one's: rigid, affine, then deformable, each kept only where it is sound.

Distance maps of the liver lead the first stages, as surfaces do in surface-based registration of the liver (Lange et
al. 2009, Medical Image Analysis 13); inside the liver its density, with lesions filled, leads the last one, a B-spline
(Rueckert et al. 1999, IEEE TMI 18). A transform that folds tissue, or stretches the liver beyond what breathing does,
is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import SimpleITK as sitk

from ..core.progress import Job
from .liver_images import DEEPEST_MM, SPACING_MM, LiverImages

Stage = Literal["centres", "rigid", "affine", "deformable"]

_AROUND_MM = 16.0
_BELOW_CUT_MM = 8.0
_SEED = 1
_SAMPLES = {"rigid": 0.05, "affine": 0.05, "deformable": 0.1}
_ITERATIONS = {"rigid": 100, "affine": 100, "deformable": 40}
_MESH = 4
_DISTANCE_WEIGHT = 0.2
"""Of a millimetre of distance beside the spread of the liver's density, in what the deformable stage compares."""

_AFFINE_BOUNDS, _LOCAL_BOUNDS = (0.8, 1.25), (0.5, 2.0)
"""What a volume may change by: of the whole liver, and at any point in it."""

_APART_MM = 2.5
"""What livers' surfaces are apart at most in the mean after registration: 0.7 to 1.7 mm in made pairs of one patient's
CTs, and 1.4 to 4 mm between patients whose livers could be bent onto each other at all."""


@dataclass(frozen=True)
class Registration:
    """Where points of the later scan lie in the earlier one.

    Args:
        transform: of SimpleITK, from points of the later scan to those of the earlier one, in LPS millimetres.
        stage: the last that was sound.
        volume_change: least and greatest determinant of the Jacobian in the liver, 1 where volume is kept.
        notes: why a later stage was not taken, and what else is doubtful, a sentence each.
        surface_mm: between the livers' surfaces in the mean, but for ends of a scan; 0 where nothing was registered.
    """

    transform: sitk.Transform
    stage: Stage
    volume_change: tuple[float, float]
    notes: tuple[str, ...] = ()
    surface_mm: float = 0.0

    @property
    def fits(self) -> bool:
        """Whether it came to its end, and the livers' surfaces lie on each other then."""
        return self.stage == "deformable" and self.surface_mm <= _APART_MM

    def to_earlier(self, points: np.ndarray) -> np.ndarray:
        """Points ``[n, 3]`` of the later scan, in RAS mm, as they lie in the earlier one."""
        turned = np.array([-1.0, -1.0, 1.0])
        moved = [self.transform.TransformPoint(tuple(map(float, point))) for point in np.atleast_2d(points) * turned]
        return np.array(moved).reshape(-1, 3) * turned


def register(
    earlier: LiverImages, later: LiverImages, job: Job | None = None, *, until: Stage = "deformable"
) -> Registration:
    """Register two scans of one patient.

    Args:
        earlier: what is brought onto the later scan.
        later: whose points are asked about.
        job: told what is being done; a stop is answered within an iteration.
        until: the last stage that is tried, of ``rigid``, ``affine`` and ``deformable``.

    Raises:
        Cancelled: the job was.
    """
    stages = _Stages(earlier, later, job or Job())
    found = stages.run(until)
    return _with_surfaces(found, earlier, later, stages.mask)


class _Stages:
    """The stages in their order, each beginning where the one before ended; what they compare lies in the mask."""

    def __init__(self, earlier: LiverImages, later: LiverImages, job: Job) -> None:
        self._earlier, self._later, self._job = earlier, later, job
        self.mask = _metric_mask(earlier, later)
        self._notes: list[str] = []

    def run(self, until: Stage) -> Registration:
        centres = _centres(self._earlier, self._later)
        self._job.at(0, "Registering the livers")
        rigid = self._optimised("rigid", centres, 0.0, 0.3)
        if until == "rigid":
            return Registration(rigid, "rigid", (1.0, 1.0), tuple(self._notes))
        self._job.at(0.3, "Registering the livers, with stretching")
        affine = self._optimised("affine", _as_affine(rigid), 0.3, 0.6)
        change = float(np.linalg.det(np.reshape(affine.GetMatrix(), (3, 3))))
        if not _AFFINE_BOUNDS[0] <= change <= _AFFINE_BOUNDS[1]:
            self._notes.append(
                f"The livers fit only if one is taken {change:.2f} times as large as it is: they were brought onto "
                "each other as they are, and pairs are to be checked."
            )
            return Registration(rigid, "rigid", (1.0, 1.0), tuple(self._notes))
        if until == "affine":
            return Registration(affine, "affine", (change, change), tuple(self._notes))
        self._job.at(0.6, "Registering the livers, with bending")
        bent = self._deformed(affine)
        low, high = _volume_changes(bent, self._later)
        if not (_LOCAL_BOUNDS[0] <= low and high <= _LOCAL_BOUNDS[1]):
            self._notes.append(
                "Bending one liver onto the other would have squeezed or stretched parts of it by more than half: they "
                "were brought together without bending, and pairs are to be checked."
            )
            return Registration(affine, "affine", (change, change), tuple(self._notes))
        return Registration(bent, "deformable", (low, high), tuple(self._notes))

    def _optimised(self, stage: Stage, start: sitk.Transform, begin: float, end: float) -> sitk.Transform:
        method = self._method(stage, begin, end)
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, _ITERATIONS[stage], relaxationFactor=0.6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([4, 2])
        method.SetSmoothingSigmasPerLevel([4.0, 2.0])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        method.SetInitialTransform(start, inPlace=True)
        self._execute(method, self._later.distance, self._earlier.distance)
        return start

    def _deformed(self, affine: sitk.Transform) -> sitk.Transform:
        fixed, moving = (_compared(images) for images in (self._later, self._earlier))
        spline = sitk.BSplineTransformInitializer(fixed, [_MESH] * 3, order=3)
        method = self._method("deformable", 0.6, 1.0)
        method.SetMovingInitialTransform(affine)
        method.SetInitialTransformAsBSpline(spline, inPlace=True, scaleFactors=[1, 2])
        method.SetOptimizerAsLBFGS2(
            solutionAccuracy=1e-3, numberOfIterations=_ITERATIONS["deformable"], hessianApproximateAccuracy=6
        )
        method.SetShrinkFactorsPerLevel([2, 1])
        method.SetSmoothingSigmasPerLevel([2.0, 1.0])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        self._execute(method, fixed, moving)
        return sitk.CompositeTransform([affine, spline])

    def _method(self, stage: Stage, begin: float, end: float) -> sitk.ImageRegistrationMethod:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMeanSquares()
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(_SAMPLES[stage], _SEED)
        method.SetMetricFixedMask(self.mask)
        method.SetInterpolator(sitk.sitkLinear)
        done = [0]

        def tell() -> None:
            done[0] += 1
            share = min(1.0, done[0] / (2 * _ITERATIONS[stage]))
            self._job.tell(begin + share * (end - begin), "Registering the livers")
            if self._job.cancel.asked:
                method.StopRegistration()

        method.AddCommand(sitk.sitkIterationEvent, tell)
        return method

    def _execute(self, method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image) -> None:
        """Run it; one that does not begin, for want of overlap, leaves its start as it was."""
        try:
            method.Execute(fixed, moving)
        except RuntimeError:
            self._notes.append("The livers overlap too little to be registered: pairs are to be checked.")
        self._job.cancel.check()


def _centres(earlier: LiverImages, later: LiverImages) -> sitk.Euler3DTransform:
    """A shift of the later liver's centre onto the earlier one's."""
    found = [_centre(images.liver) for images in (earlier, later)]
    start = sitk.Euler3DTransform()
    start.SetCenter(tuple(found[1]))
    start.SetTranslation(tuple(found[0] - found[1]))
    return start


def _centre(liver: sitk.Image) -> np.ndarray:
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(liver)
    return np.array(statistics.GetCentroid(1))


def _as_affine(rigid: sitk.Euler3DTransform) -> sitk.AffineTransform:
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    affine.SetCenter(rigid.GetCenter())
    return affine


def _compared(images: LiverImages) -> sitk.Image:
    """Density with the distance beside it, in one image."""
    return images.density + images.distance * _DISTANCE_WEIGHT


def _metric_mask(earlier: LiverImages, later: LiverImages) -> sitk.Image:
    """Around the later liver, and not where a scan ends: an end is no surface."""
    near = sitk.GetArrayFromImage(later.distance) < _AROUND_MM
    edge = round((_BELOW_CUT_MM) / SPACING_MM)
    inside = np.flatnonzero(sitk.GetArrayFromImage(later.liver).any(axis=(1, 2)))
    if later.cut_below or earlier.cut_below:
        near[: inside[0] + edge] = False
    if later.cut_above or earlier.cut_above:
        near[inside[-1] + 1 - edge :] = False
    mask = sitk.GetImageFromArray(near.astype(np.uint8))
    mask.CopyInformation(later.liver)
    return mask


def _with_surfaces(found: Registration, earlier: LiverImages, later: LiverImages, mask: sitk.Image) -> Registration:
    """With the distance between the livers' surfaces, and a sentence where that is large."""
    brought = sitk.Resample(earlier.distance, later.liver, found.transform, sitk.sitkLinear, DEEPEST_MM)
    surface = np.abs(sitk.GetArrayFromImage(later.distance)) < SPACING_MM / 2
    surface &= sitk.GetArrayFromImage(mask) > 0
    apart = float(np.abs(sitk.GetArrayFromImage(brought))[surface].mean()) if surface.any() else DEEPEST_MM
    done = replace(found, surface_mm=apart)
    if done.fits or found.stage != "deformable":
        return done
    said = (
        f"The livers' surfaces lie {apart:.1f} mm apart after they were brought onto each other, more than one "
        "patient's do: check that both CTs are of one patient, and all pairs."
    )
    return replace(done, notes=(*found.notes, said))


def _volume_changes(transform: sitk.Transform, later: LiverImages) -> tuple[float, float]:
    """Least and greatest determinant of the Jacobian in the later liver."""
    liver = later.liver
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, liver.GetSize(), liver.GetOrigin(), liver.GetSpacing(), liver.GetDirection()
    )
    changes = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    inside = changes[sitk.GetArrayFromImage(liver) > 0]
    return float(inside.min()), float(inside.max())
