"""Patients parted slice by slice, as published systems do that shuffle the slices of all patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..datasets.slices import Patient
from .recipe import SliceSplit


def part(patients: Sequence[Patient], split: SliceSplit) -> tuple[list[Patient], list[Patient]]:
    """Patients with the slices to train on, and with those that are held out; whoever has none is left out of either.

    A held-out slice is no neighbour of one that is trained on, either: the nearest of its own side stands in for it.

    Args:
        patients: with all of their slices.
        split: which share is held out, rounded, and at least one slice.
    """
    counts = [len(patient.numbers) for patient in patients]
    order = np.random.default_rng(split.seed).permutation(sum(counts))
    held_out = np.zeros(sum(counts), bool)
    held_out[order[: max(1, round(split.slices * len(order)))]] = True
    marks = np.split(held_out, np.cumsum(counts)[:-1])
    both = list(zip(patients, marks, strict=True))
    return (
        [patient.only(np.flatnonzero(~mark)) for patient, mark in both if not mark.all()],
        [patient.only(np.flatnonzero(mark)) for patient, mark in both if mark.any()],
    )
