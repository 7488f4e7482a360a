"""DICOM segmentations made by highdicom of the plain series, and read by dcmqi."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from support.dicom_slices import SHAPE, SLICE_MM, plain

DCMQI = Path(sys.executable).parent / "segimage2itkimage"
LIVER_AND_LESIONS = {"Liver": codes.SCT.Liver, "Lesion 1": codes.SCT.Mass, "Lesion 2": codes.SCT.Mass}


def labels(seed=3, most=3):
    """Labels ``[slice, row, column]`` of the plain series, of no symmetry, empty but for the slices 1, 2 and 4."""
    made = np.random.default_rng(seed).integers(0, most + 1, SHAPE).astype(np.uint8)
    made[[0, 3, 5]] = 0
    return made


def source(change=None):
    """The plain series with what a segmentation takes over from it."""
    slices = plain()
    if change:
        change(slices)
    for one in slices:
        one.StudyDate, one.StudyTime, one.StudyID, one.SeriesNumber = "20200101", "120000", "1", 1
        one.PatientBirthDate, one.PatientSex, one.AccessionNumber, one.ReferringPhysicianName = "", "", "", ""
        one.PositionReferenceIndicator, one.SliceThickness = "", SLICE_MM
    return slices


def made(mask=None, *, names=None, slices=None, kind="BINARY", **options) -> Dataset:
    """A segmentation of label values, or of segments that may overlap: bool ``[slice, row, column, segment]``."""
    names = LIVER_AND_LESIONS if names is None else names
    described = [
        SegmentDescription(
            number,
            name,
            codes.SCT.Organ,
            term,
            SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, (name, term) in enumerate(names.items(), 1)
    ]
    return Segmentation(
        source() if slices is None else slices,
        labels() if mask is None else mask,
        kind,
        described,
        series_instance_uid=highdicom.UID(),
        series_number=7,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="0",
        device_serial_number="0",
        **options,
    )


def saved(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)
    return path


def by_dcmqi(path: Path, folder: Path) -> sitk.Image:
    """The labels as dcmqi reads them."""
    if not DCMQI.exists():
        pytest.skip("needs dcmqi: pip install dcmqi")
    folder.mkdir()
    command = [DCMQI, "--inputDICOM", path, "--outputDirectory", folder, "-t", "nrrd", "--mergeSegments"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (found,) = folder.glob("*.nrrd")
    return sitk.ReadImage(str(found))
