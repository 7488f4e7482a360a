"""Segmented DICOM series of many kinds, as the tests of DICOM objects have them written."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.tag import Tag

from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.models.description import NetworkSpec
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.lesion_origins import AUTOMATIC, PAINTED, LesionOrigin
from LiverTumorSegLib.reporting.lesions import LesionTable, measure_lesions
from support import dicom_slices, system_libraries
from support.models import describe
from support.other_structures import named, random_others

_PLACE = tempfile.TemporaryDirectory()
MADE = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
LESIONS_ALONE = describe(
    labels=("background", "lesion"), network=NetworkSpec(name="unet", in_channels=1, classes=1, options={})
)
JAPANESE, CYRILLIC = "Yamada^Tarou=山田^太郎=やまだ^たろう", "Люкceмбypг"

Labels = NDArray[np.uint8]
Change = Callable[[dicom_slices.Slices], object]


@dataclass(frozen=True)
class Written:
    """A case with what came of writing it.

    Args:
        folder: of the objects.
        series: of the images.
        segmentation: what was written of them, measured in the table.
    """

    folder: Path
    series: Path
    segmentation: Segmentation
    table: LesionTable

    @property
    def segments(self) -> Dataset:
        return dcmread(self.folder / dicom_write.SEGMENTATION)

    @property
    def report(self) -> Dataset:
        return dcmread(self.folder / dicom_write.MEASUREMENTS)

    @property
    def images(self) -> list[Dataset]:
        return [dcmread(file) for file in self.segmentation.volume.images]


@dataclass(frozen=True)
class Case:
    """A series and its labels.

    Args:
        change: makes the plain series odd.
        labels: of the volume as it is read.
        options: of writing.
        fields: of the segmentation.
        notes: by the number of their lesion.
        origins: likewise.
    """

    change: Change = lambda _: None
    labels: Callable[[Labels], object] = lambda labels: some_lesions(labels)
    options: dict[str, object] = field(default_factory=dict)
    fields: dict[str, object] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    origins: dict[int, LesionOrigin] = field(default_factory=dict)

    def write(self, place: Path, made: datetime = MADE) -> Written:
        images = dicom_slices.plain()
        self.change(images)
        dicom_slices.write(images, place / "series")
        segmentation = segmented(place / "series", self.labels, **self.fields)
        table = measure_lesions(segmentation.labels, segmentation.volume, segmentation.marks)
        table = table.with_notes(self.notes).with_origins(self.origins)
        dicom_write.write(place / "objects", segmentation, table, made=made, **self.options)
        return Written(place / "objects", place / "series", segmentation, table)


def segmented(series: Path, label: Callable[[Labels], object], **fields: object) -> Segmentation:
    volume = volumes.read_volume(series, force=True)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    label(labels)
    content = {
        "model": describe(),
        "device": "cpu",
        "options": SegmentationOptions(),
        "notes": (),
        "seconds": 1.0,
    } | fields
    return Segmentation(labels, volume, **content)


def some_lesions(labels: Labels) -> None:
    labels[1:5, 3:14, 2:18] = 1
    labels[2:4, 8:11, 5:9] = labels[2, 9, 9:12] = labels[3, 6, 12] = labels[1, 12:14, 14:18] = 2


def _no_lesion(labels: Labels) -> None:
    labels[1:5, 3:14, 2:18] = 1


def _many_lesions(labels: Labels) -> None:
    labels[:] = 1
    labels[::3, ::6, ::7] = 2


def _lesions_alone(labels: Labels) -> None:
    some_lesions(labels)
    labels[labels == 1] = 0


def _tilt(images: dicom_slices.Slices) -> None:
    for number, image in enumerate(images):
        image.ImagePositionPatient = np.add(
            dicom_slices.ORIGIN, (0, 3.0 * number, dicom_slices.SLICE_MM * number)
        ).tolist()


def _coronal(images: dicom_slices.Slices) -> None:
    for number, image in enumerate(images):
        image.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        image.ImagePositionPatient = np.add(dicom_slices.ORIGIN, (0, dicom_slices.SLICE_MM * number, 0)).tolist()


def _upside_down(images: dicom_slices.Slices) -> None:
    for image in images:
        image.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]


def of_all(**values: object) -> Change:
    """Give every image these attributes; one that is None is taken away."""

    def change(images: dicom_slices.Slices) -> None:
        for image in images:
            for name, value in values.items():
                image.pop(name, None)
                if value is not None:
                    setattr(image, name, value)

    return change


FULL = {
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "PatientAge": "075Y",
    "PatientWeight": 70.5,
    "StudyDate": "20250809",
    "StudyTime": "101112.5",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "StudyDescription": "Abdomen",
    "ReferringPhysicianName": "Doe^Jane",
    "SliceThickness": 5,
    "Manufacturer": "A scanner's maker",
    "StationName": "CT-ROOM-7",
    "InstitutionName": "A hospital",
    "DeviceSerialNumber": "12345",
    "OperatorsName": "Op^Erator",
    "TimezoneOffsetFromUTC": "+0900",
}


def _cut(images: dicom_slices.Slices) -> None:
    """Frames whose bits fill no whole bytes."""
    for image in images:
        pixels = image.pixel_array[:15, :19]
        image.Rows, image.Columns = pixels.shape
        image.PixelData = np.ascontiguousarray(pixels).tobytes() + b"\0" * (pixels.nbytes % 2)


def _others(shape: tuple[int, ...] = dicom_slices.SHAPE) -> dict[str, object]:
    return {"others": random_others(shape), "liver_model": named("livers"), "model": named("lesions")}


CASES = {
    "plain": Case(),
    "full": Case(of_all(**FULL)),
    "no lesion": Case(labels=_no_lesion),
    "nothing": Case(labels=lambda _: None),
    "lesions alone": Case(labels=_lesions_alone, fields={"model": LESIONS_ALONE}),
    "nothing of lesions alone": Case(labels=lambda _: None, fields={"model": LESIONS_ALONE}),
    "all of the liver a lesion": Case(labels=_lesions_alone),
    "tilted": Case(_tilt),
    "coronal": Case(_coronal),
    "upside down": Case(_upside_down),
    "many lesions": Case(labels=_many_lesions),
    "notes": Case(notes={1: "Near the portal vein.", 3: "=1+1 <b>"}),
    "origins": Case(
        notes={1: "Near the portal vein."},
        origins={1: AUTOMATIC, 2: PAINTED, 3: LesionOrigin(automatic=False, clicks=3, corrected=True)},
    ),
    "one segment of painted": Case(options={"lesion_segments": "all"}, origins=dict.fromkeys((1, 2, 3), PAINTED)),
    "one segment of several": Case(
        options={"lesion_segments": "all"}, origins=dict.fromkeys((1, 2), AUTOMATIC) | {3: PAINTED}
    ),
    "one segment": Case(options={"lesion_segments": "all"}),
    "Japanese": Case(of_all(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=JAPANESE)),
    "Cyrillic": Case(of_all(SpecificCharacterSet="ISO_IR 144", PatientName=CYRILLIC)),
    "other structures": Case(fields=_others()),
    "other structures alone": Case(labels=lambda _: None, fields=_others()),
    "other structures in odd frames": Case(_cut, fields=_others((dicom_slices.SHAPE[0], 15, 19))),
    "nothing optional": Case(of_all(PatientName=None, PatientID=None, AcquisitionNumber=None, ImageType=None)),
}


@cache
def written(name: str) -> Written:
    """The objects of a case, written once for all tests."""
    return CASES[name].write(Path(_PLACE.name) / name)


def dciodvfy(file: Path) -> list[str]:
    """The faults that dicom3tools finds in an object."""
    program = need("dciodvfy")
    said = subprocess.run([program, file], capture_output=True, text=True, errors="replace", check=False, timeout=60)
    return [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]


def need(name: str) -> Path:
    """A program, or the test is skipped."""
    found = system_libraries.program(name)
    if found is None:
        pytest.skip(system_libraries.reason(name))
    return found


def texts(dataset: Dataset) -> set[tuple[Tag, str]]:
    """Every value of an object that is no number, however deep, with its tag."""
    found = set()
    for element in dataset.iterall():
        if element.VR not in ("SQ", "OB", "OW", "US", "UL", "FL", "FD", "DS", "IS", "AT"):
            values: Sequence[object] = element.value if element.VM > 1 else [element.value]
            found |= {(element.tag, str(value)) for value in values}
    return found
