"""Types of numbers, byte orders, scales, and numbers in another range than HU."""

from __future__ import annotations

import numpy as np

from .case import Case, Handled, Refused, file
from .formats import metaimage, nifti, nrrd
from .grid import BODY

WRITERS = {"ct.nii": nifti, "ct.nrrd": nrrd, "ct.mha": metaimage}
SIGNED = ("i2", "i4", "i8", "f4", "f8")
HU = BODY.voxels
NARROW = BODY.with_voxels(np.clip(HU, -80, 110))  # what 8 bits hold with their sign
UNSIGNED = ("u2", "u4", "u8")

CASES = [
    Case(f"{name} of {order}{kind}", file(name, write(stored=HU.astype(order + kind))), Handled(BODY))
    for name, write in WRITERS.items()
    for kind in SIGNED
    for order in "<>"
]
CASES += [
    Case(f"{name} of i1", file(name, write(stored=NARROW.voxels.astype(np.int8))), Handled(NARROW))
    for name, write in WRITERS.items()
]
CASES += [
    Case(
        f"NIfTI of {order}{kind} with an intercept",
        file("ct.nii", nifti(stored=(HU + 1024).astype(order + kind), scl_slope=1, scl_inter=-1024)),
        Handled(BODY),
    )
    for kind in UNSIGNED
    for order in "<>"
]
CASES += [
    Case(
        f"{name} of {kind}, HU and 1024",
        file(name, write(stored=(HU + 1024).astype(kind))),
        Refused("does not look like a CT in Hounsfield units"),
    )
    for name, write in WRITERS.items()
    for kind in UNSIGNED
]
