"""CTs with their segmentations: as listed, or as LiTS names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..errors import UserError
from .dump import LeftOut

_LITS = re.compile(r"(volume|segmentation)-(\d+)\.nii(\.gz)?$")


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
    found: dict[str, dict[int, Path]] = {"volume": {}, "segmentation": {}}
    for path in sorted(folder.rglob("*-*.nii*")):
        match = _LITS.match(path.name)
        if not match or not path.is_file():
            continue
        kind, number = match[1], int(match[2])
        if number in found[kind]:
            msg = f"{found[kind][number]} and {path} have one name: take one of them out of the folder."
            raise UserError(msg)
        found[kind][number] = path
    volumes, segmentations = found["volume"], found["segmentation"]
    both = sorted(volumes.keys() & segmentations.keys())
    if not both:
        msg = f"{folder} holds no volume-N.nii with its segmentation-N.nii: give CTs, and --labels for each."
        raise UserError(msg)
    pairs = [Pair(f"volume-{number}", volumes[number], segmentations[number]) for number in both]
    return pairs, (*_alone(volumes, both, "it has no segmentation"), *_alone(segmentations, both, "it has no volume"))


def _alone(paths: dict[int, Path], both: list[int], reason: str) -> list[LeftOut]:
    return [LeftOut(name=files.stem(paths[number]), reason=reason) for number in sorted(paths.keys() - set(both))]
