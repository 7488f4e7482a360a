"""A folder of DICOM files and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.dicom_slices import Change, hounsfield, placed, plain, write


@dataclass(frozen=True)
class Handled:
    """It is segmented, in these HU and at this place.

    Args:
        voxels: ``[slice, row, column]``.
        affine: to RAS.
        says: parts of the warnings that are due beyond those of the plain series.
    """

    voxels: NDArray[np.int16] = field(default_factory=hounsfield)
    affine: NDArray[np.float64] = field(default_factory=placed)
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """It is refused in a sentence that has these words in it."""

    words: str


@dataclass(frozen=True)
class Case:
    """How a folder is made and what has to come of it.

    Args:
        name: for a reader.
        make: writes it into a folder that does not exist yet.
        outcome: that is due.
        options: of the command line.
    """

    name: str
    make: Callable[[Path], object]
    outcome: Handled | Refused
    options: tuple[str, ...] = ()


CASES: list[Case] = []


def made(name: str, outcome: Handled | Refused, *options: str) -> Callable[[Callable[[Path], object]], object]:
    """Add a case whose folder the function writes."""

    def add(make: Callable[[Path], object]) -> object:
        CASES.append(Case(name, make, outcome, options))
        return make

    return add


def changed(name: str, outcome: Handled | Refused, *options: str) -> Callable[[Change], object]:
    """Add a case of the plain series, its data sets changed by the function before they are written."""

    def add(change: Change) -> object:
        def make(folder: Path) -> None:
            slices = plain()
            change(slices)
            write(slices, folder)

        CASES.append(Case(name, make, outcome, options))
        return change

    return add


ALWAYS_SAID = (
    "mm apart: small lesions are missed",
    "The liver is not whole in this CT",
    "The body covers",
    "adults' at least",
    "the end of this CT",
)
"""Parts of warnings that are due for a CT so small."""
