"""Scans of one patient in several data sets: by published numbering, and by what the files hold."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["same content", "different content", "same content under other names", "not compared"]


@dataclass(frozen=True)
class Entry:
    """What is known of a scan.

    Args:
        data: the data set's folder.
        name: of the scan in it.
        patient: whom it should show, as :func:`.patients.patient_of` says.
        unit: what its voxels count; contents are compared within one unit alone.
        content: :func:`fingerprint`, None where it could not be read.
    """

    data: str
    name: str
    patient: str
    unit: str = "HU"
    content: str | None = None


@dataclass(frozen=True)
class Twins:
    """Two scans that are, or are said to be, of one patient."""

    first: Entry
    second: Entry
    verdict: Verdict


def fingerprint(voxels: NDArray[np.int16]) -> str:
    """SHA-256 of a CT that no flip, order of axes, offset of its numbers or stated geometry changes.

    The published copies of a patient differ in just these: LiTS 28 to 47 lost the geometry of 3D-IRCADb-01, and with it
    what their axes mean. So it is the content that turns the array: each axis to where the sums of its planes come
    later in lexical order, axes by length and then by these sums; numbers count from the least.

    Args:
        voxels: ``[k, j, i]``.
    """
    sums = [voxels.sum(axis=tuple({0, 1, 2} - {axis}), dtype=np.int64).tolist() for axis in range(3)]
    turned = [max(profile, profile[::-1]) for profile in sums]
    axes = sorted(range(3), key=lambda axis: (len(turned[axis]), turned[axis]))
    steps = tuple(slice(None, None, 1 if sums[axis] == turned[axis] else -1) for axis in axes)
    view, least = voxels.transpose(axes)[steps], int(voxels.min())
    digest = hashlib.sha256(repr(view.shape).encode())
    for plane in view:
        digest.update((plane.astype(np.int32) - least).astype("<u2").tobytes())
    return digest.hexdigest()


def find(entries: Iterable[Entry]) -> list[Twins]:
    """Pairs of scans with one patient's number or with one content, in the order given."""
    known = list(entries)
    alike = _pairs(known, lambda entry: entry.patient) | _pairs(known, lambda entry: entry.content)
    return [Twins(known[a], known[b], _verdict(known[a], known[b])) for a, b in sorted(alike)]


def _pairs(entries: list[Entry], key: Callable[[Entry], str | None]) -> set[tuple[int, int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for at, entry in enumerate(entries):
        value = key(entry)
        if value is not None:
            groups[value].append(at)
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def _verdict(first: Entry, second: Entry) -> Verdict:
    if None in (first.content, second.content) or first.unit != second.unit:
        return "not compared"
    if first.content != second.content:
        return "different content"
    return "same content" if first.patient == second.patient else "same content under other names"
