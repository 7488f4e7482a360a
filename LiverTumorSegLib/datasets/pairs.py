"""CTs with their segmentations: as listed, or as LiTS names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..errors import UserError
from . import lits
from .dump import LeftOut


@dataclass(frozen=True)
class Pair:
    """A CT and its labels.

    Args:
        patient: the CT's name without its ending; nothing out of its header.
        ct: file, or folder of DICOM files.
        labels: file of 0 background, 1 liver, 2 lesion.
    """

    patient: str
    ct: Path
    labels: Path


def listed(cts: Sequence[Path], labels: Sequence[Path]) -> list[Pair]:
    """Pair CTs and labels in their order.

    Raises:
        UserError: they are not as many, or two CTs have one name.
    """
    if len(cts) != len(labels):
        msg = f"{len(cts)} CTs and {len(labels)} segmentations were given: give --labels once for each CT, in order."
        raise UserError(msg)
    pairs = [Pair(files.stem(ct.resolve()), ct, mask) for ct, mask in zip(cts, labels, strict=True)]
    names = [pair.patient for pair in pairs]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        msg = f"Several CTs are called {double}, which names their slices: rename all but one."
        raise UserError(msg)
    return pairs


def in_folder(folder: Path) -> tuple[list[Pair], tuple[LeftOut, ...]]:
    """Find ``volume-N.nii[.gz]`` and ``segmentation-N.nii[.gz]`` in a folder and those in it, by ascending N.

    A volume without its segmentation, or the reverse, is left out, as Kulkarni et al. (section 3.1) do.

    Raises:
        UserError: there is no pair, or one name occurs twice.
    """
    both, left_out = lits.match(folder)
    if not both:
        msg = f"{folder} holds no volume-N.nii with its segmentation-N.nii: give CTs, and --labels for each."
        raise UserError(msg)
    return [Pair(f"volume-{number}", *paths) for number, paths in both.items()], left_out
