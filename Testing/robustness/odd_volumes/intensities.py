"""Scales, and voxels that are constant, no numbers, or of another scanner."""

from __future__ import annotations

import numpy as np

from .case import IMPOSSIBLE, Case, Handled, Refused, file
from .formats import metaimage, nifti, nrrd
from .grid import BODY, Grid

HU = BODY.voxels
WRITERS = {"ct.nii": nifti, "ct.nrrd": nrrd, "ct.mha": metaimage}
NO_CT = "does not look like a CT in Hounsfield units"


def scaled(slope: float, intercept: float) -> bytes:
    """Stored so that the scale gives the HU back."""
    stored = np.rint((HU - intercept) / slope).astype(np.int16)
    return nifti(stored=stored, scl_slope=slope, scl_inter=intercept)


SCALES = {
    "a slope of 2": scaled(2, 0),
    "a slope of a half": scaled(0.5, 0),
    "a negative slope": scaled(-1, 0),
    "a negative slope and an intercept": scaled(-2, 500),
    "a slope that is no power of two": scaled(0.3, -17.7),
    "a slope of 0, which is none": nifti(scl_slope=0, scl_inter=77),
    "no slope, as nibabel says it": nifti(scl_slope=np.nan, scl_inter=np.nan),
}
BAD_SCALES = {
    "an infinite slope": (np.inf, 0),
    "an intercept that is no number": (1, np.nan),
    "an infinite intercept": (1, -np.inf),
    "a slope beyond all HU": (1e30, 0),
}


def with_some(value: float) -> Grid:
    voxels = HU.astype(np.float32)
    voxels[2, 3, 4] = voxels[4, :2] = value
    return BODY.with_voxels(voxels)


def mended() -> Grid:
    """What comes of slices that lost some voxels: the mean of those beside them."""
    voxels = HU.astype(np.float64)
    between = {2: (voxels[1] + voxels[3]) / 2, 4: (voxels[3] + voxels[5]) / 2}
    voxels[2, 3, 4], voxels[4, :2] = between[2][3, 4], between[4][:2]
    return BODY.with_voxels(np.rint(voxels))


def constant(hu: float) -> Grid:
    return BODY.with_voxels(np.full(HU.shape, hu, np.int16))


random = np.random.default_rng(3)
MR = BODY.with_voxels(random.gamma(2, 150, HU.shape).astype(np.int16))
CONE_BEAM = BODY.with_voxels(np.where(HU > 200, 2800, HU))
PROBABILITIES = random.random(HU.shape).astype(np.float32)
CASES = [
    *(Case(f"NIfTI with {words}", file("ct.nii", content), Handled(BODY)) for words, content in SCALES.items()),
    *(
        Case(
            f"NIfTI with {words}",
            file("ct.nii", nifti(scl_slope=slope, scl_inter=inter)),
            Refused((*IMPOSSIBLE, NO_CT)),
        )
        for words, (slope, inter) in BAD_SCALES.items()
    ),
]
for name, write in WRITERS.items():
    CASES += [
        Case(f"{name} with some {value}", file(name, write(stored=with_some(value).voxels)), Refused("NaN or infinite"))
        for value in (np.nan, np.inf, -np.inf)
    ]
    CASES += [
        Case(
            f"{name} with some NaN, interpolated",
            file(name, write(stored=with_some(np.nan).voxels)),
            Handled(mended(), "were interpolated"),
            options=("--damaged", "interpolate"),
        ),
        Case(
            f"{name} of NaN alone",
            file(name, write(stored=np.full(HU.shape, np.nan, "f4"))),
            Refused("NaN or infinite"),
        ),
        Case(
            f"{name} of NaN alone, interpolated",
            file(name, write(stored=np.full(HU.shape, np.nan, "f4"))),
            Refused("no whole slice"),
            options=("--damaged", "interpolate"),
        ),
        Case(
            f"{name} of air alone",
            file(name, write(constant(-1000))),
            Handled(constant(-1000), "All slices hold a single number"),
        ),
        Case(
            f"{name} of one number",
            file(name, write(constant(100))),
            Handled(constant(100), "All slices hold a single number"),
        ),
        Case(f"{name} of MR", file(name, write(MR)), Refused(NO_CT)),
        Case(f"{name} of MR, forced", file(name, write(MR)), Handled(MR, NO_CT[5:]), options=("--force",)),
        Case(f"{name} of cone-beam CT", file(name, write(CONE_BEAM)), Handled(CONE_BEAM)),
        Case(f"{name} of probabilities", file(name, write(stored=PROBABILITIES)), Refused(NO_CT)),
        Case(
            f"{name} of HU beyond 16 bits",
            file(name, write(stored=np.where(HU > 200, 1e9, HU).astype("f8"))),
            Handled(BODY),
        ),
    ]
