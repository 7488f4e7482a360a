"""Every order and sense of the axes, turned and sheared grids."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from .case import Case, Handled, Refused, file
from .formats import metaimage, nifti, nrrd
from .grid import BODY, Grid

ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]
WRITERS = {"ct.nii": nifti, "ct.nrrd": nrrd, "ct.mha": metaimage}


def in_words(axes: tuple[int, ...], flips: tuple[bool, ...]) -> str:
    return "".join(("-" if flip else "+") + "ijk"[axis] for axis, flip in zip(axes, flips, strict=True))


def turned(*degrees: float) -> Grid:
    """The body, turned about x, y and z."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        about = np.eye(3)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        about[[one, one, other, other], [one, other, one, other]] = (
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
            np.cos(angle),
        )
        turn = about @ turn
    return BODY.with_axes(turn @ BODY.affine[:3, :3])


def sheared() -> Grid:
    """Slices shifted against each other, as after gantry tilt."""
    axes = BODY.affine[:3, :3].copy()
    axes[1, 2] = 0.7
    return BODY.with_axes(axes)


TURNED = {
    "a little oblique": turned(5, -3, 8),
    "oblique": turned(20, 30, -40),
    "at 45 degrees": turned(45, 0, 0),
    "upside down and oblique": turned(170, 10, 95),
}
CASES = [
    *(
        Case(f"axes {in_words(*order)}", file("ct.nii", nifti(BODY.ordered(*order))), Handled(BODY.ordered(*order)))
        for order in ORDERS
    ),
    *(
        Case(f"{name} {kind}", file(name, write(grid)), Handled(grid))
        for name, write in WRITERS.items()
        for kind, grid in TURNED.items()
    ),
    *(
        Case(
            f"{name} sheared",
            file(name, write(sheared())),
            Handled(sheared(), "tilted against their stacking direction (gantry tilt)"),
            output="../out/labels.seg.nrrd",
        )
        for name, write in WRITERS.items()
    ),
    *(
        Case(
            f"{name} sheared, labels as NIfTI",
            file(name, write(sheared())),
            Refused("cannot hold this CT's tilted slices (gantry tilt) in NIfTI", naming="labels.nii.gz"),
        )
        for name, write in WRITERS.items()
    ),
]
