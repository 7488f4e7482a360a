"""A case: a file that is written, and what has to come of segmenting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .grid import Grid


@dataclass(frozen=True)
class Handled:
    """It is segmented on its own grid.

    Args:
        grid: HU and place of every voxel, from which labels and geometry follow.
        says: words that a warning has to hold.
    """

    grid: Grid
    says: str = ""


@dataclass(frozen=True)
class Refused:
    """One sentence that names the file, and exit code 3.

    Args:
        words: that the sentence has to hold, or those of which it has to hold one.
        naming: the name in it, where it is not the input's.
    """

    words: str | tuple[str, ...]
    naming: str = ""


BROKEN = ("ends too early", "is not a NIfTI file that can be read")
"""What is said where bytes are missing or changed."""

IMPOSSIBLE = (
    *BROKEN,
    "correct its header",
    "dimensions",
    "has no voxels",
    "states an impossible geometry",
    "allow more",
)
"""What is said of a header that no file can have."""


@dataclass(frozen=True)
class Case:
    """A CT and its outcome.

    Args:
        name: what is odd about it, unique.
        make: writes it into a folder and gives what is to be segmented.
        outcome: what has to come of it.
        output: of the labels, from the folder of the input.
        options: more words of the command line.
        unprivileged: whether permissions bind even root.
        relative: whether the input is named as seen from its folder.
    """

    name: str
    make: Callable[[Path], Path]
    outcome: Handled | Refused
    output: str = "../out/labels.nii.gz"
    options: tuple[str, ...] = ()
    unprivileged: bool = False
    relative: bool = False


def file(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    """Writes one file."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content())
        return folder / name

    return make
