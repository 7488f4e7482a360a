"""Few and many slices, rows and columns, and numbers of dimensions other than three."""

from __future__ import annotations

import numpy as np

from .case import IMPOSSIBLE, Case, Handled, Refused, file
from .formats import metaimage, nifti, nrrd, zipped
from .grid import BODY, Grid, body

SHAPES = {
    "one slice": (1, 8, 9),
    "one row": (6, 1, 9),
    "one column": (6, 7, 1),
    "one row of one slice": (1, 1, 40),
    "one voxel": (1, 1, 1),
    "1024 x 1024 and two slices": (2, 1024, 1024),
    "2,000 slices": (2000, 2, 3),
}


def blocks(shape: tuple[int, int, int], side: int = 128) -> Grid:
    """Blocks of one level each: lesions are few."""
    small = body((shape[0], shape[1] // side, shape[2] // side))
    return Grid(small.voxels.repeat(side, axis=1).repeat(side, axis=2), small.affine @ np.diag([0.5, 0.5, 1, 1]))


CASES = []
for words, shape in SHAPES.items():
    grid = blocks(shape) if max(shape[1:]) > 100 else body(shape)
    grid.affine[2, 2] = min(2.5, 2600 / shape[0])
    for name, content in (("ct.nii", nifti(grid)), ("ct.nrrd", nrrd(grid)), ("ct.mha", metaimage(grid))):
        CASES.append(Case(f"{name} of {words}", file(name, content), Handled(grid)))

V = BODY.voxels
RGB = np.stack([V, V, V], axis=-1).astype(np.uint8)
TWO = np.stack([V, V])
FLAT = {"space_directions": "(1,0,0) (0,1,0)", "kinds": "domain domain"}
FOUR = {
    "space_directions": "(0.75,0,0) (0,0.875,0) (0,0,2.5) none",
    "kinds": "domain domain domain list",
}
DIMENSIONS = {
    "a slice of two dimensions": (nifti(stored=V[0]), "has 2 dimensions"),
    "a line of one dimension": (nifti(stored=V[0, 0]), "has 1 dimension"),
    "two volumes in four dimensions": (nifti(stored=TWO), "has 4 dimensions (9 x 7 x 6 x 2)"),
    "a vector in five dimensions": (nifti(stored=np.stack([V[None]] * 3)), "has 5 dimensions"),
    "complex numbers": (nifti(stored=V.astype(np.complex64)), "complex numbers"),
}
CASES += [
    Case(f"NIfTI with {words}", file("ct.nii", content), Refused(expected))
    for words, (content, expected) in DIMENSIONS.items()
]
CASES += [
    Case(
        "NIfTI with colours",
        file("ct.nii", nifti(stored=V.astype(np.uint8), datatype=128, bitpix=24) + bytes(2000)),
        Refused("colours"),
    ),
    Case("NIfTI with one volume in four dimensions", file("ct.nii", nifti(stored=V[None])), Handled(BODY)),
    Case("NIfTI with one volume in five dimensions", file("ct.nii", nifti(stored=V[None, None])), Handled(BODY)),
    Case(
        "NIfTI with one volume in seven dimensions",
        file("ct.nii.gz", zipped(nifti(stored=V[None, None, None, None]))),
        Handled(BODY),
    ),
    Case("NRRD of two dimensions", file("ct.nrrd", nrrd(stored=V[0], **FLAT)), Refused(IMPOSSIBLE)),
    Case("NRRD with two volumes", file("ct.nrrd", nrrd(stored=TWO, **FOUR)), Refused("holds 2 numbers a voxel")),
    Case("NRRD with one volume in four dimensions", file("ct.nrrd", nrrd(stored=V[None], **FOUR)), Handled(BODY)),
    Case(
        "NRRD with colours",
        file(
            "ct.nrrd",
            nrrd(
                stored=RGB,
                kinds="RGB-color domain domain domain",
                space_directions="none (0.75,0,0) (0,0.875,0) (0,0,2.5)",
            ),
        ),
        Refused("3 numbers a voxel"),
    ),
    Case(
        "NRRD with vectors",
        file(
            "ct.nrrd",
            nrrd(
                stored=RGB,
                kinds="vector domain domain domain",
                space_directions="none (0.75,0,0) (0,0.875,0) (0,0,2.5)",
            ),
        ),
        Refused("3 numbers a voxel"),
    ),
    Case(
        "MetaImage of two dimensions",
        file("ct.mha", metaimage(stored=V[0], TransformMatrix="1 0 0 1", Offset="0 0", ElementSpacing="1 1")),
        Refused("has 2 dimensions"),
    ),
    Case(
        "MetaImage with two volumes",
        file(
            "ct.mha",
            metaimage(
                stored=TWO,
                TransformMatrix=" ".join(map(str, np.eye(4).ravel())),
                Offset="0 0 0 0",
                ElementSpacing="1 1 1 1",
            ),
        ),
        Refused("has 4 dimensions"),
    ),
    Case(
        "MetaImage with one volume in four dimensions",
        file(
            "ct.mha",
            metaimage(
                stored=V[None],
                TransformMatrix="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
                Offset="-40 -60 -30 0",
                ElementSpacing="0.75 0.875 2.5 1",
            ),
        ),
        Handled(BODY),
    ),
    Case(
        "MetaImage with colours",
        file("ct.mha", metaimage(stored=RGB, NDims=3, DimSize="9 7 6", ElementNumberOfChannels=3)),
        Refused("3 numbers a voxel"),
    ),
]
