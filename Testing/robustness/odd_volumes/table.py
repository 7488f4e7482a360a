"""All cases."""

from __future__ import annotations

from collections.abc import Iterable

from . import (
    intensities,
    large,
    names,
    nifti_headers,
    not_files,
    number_types,
    orientations,
    outputs,
    shapes,
    text_headers,
    truncations,
    whole_formats,
)
from .case import Case

KINDS = (
    whole_formats,
    truncations,
    nifti_headers,
    text_headers,
    orientations,
    shapes,
    number_types,
    intensities,
    large,
    names,
    not_files,
    outputs,
)
LOADS = (
    "robustness.odd_volumes.doors",
    "LiverTumorSegLib.reporting.report_files",
    "LiverTumorSegLib.reporting.lesions",
    "LiverTumorSegLib.io.dicom_series",
    "LiverTumorSegLib.io.nrrd_metaimage",
    "LiverTumorSegLib.io.nifti",
    "LiverTumorSegLib.io.probability_maps",
    "LiverTumorSegLib.models.store",
    "torch.fx.experimental.symbolic_shapes",
)
"""What every segmentation loads, for a sandbox to load once."""


def named(cases: Iterable[Case]) -> dict[str, Case]:
    """Cases by name.

    Raises:
        ValueError: two have the same.
    """
    found: dict[str, Case] = {}
    for case in cases:
        if case.name in found:
            raise ValueError(case.name)
        found[case.name] = case
    return found


CASES = named(case for kind in KINDS for case in kind.CASES)
