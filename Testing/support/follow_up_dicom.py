"""CTs of several days as small DICOM series, with lesions that are boxes, and comparisons that need no registration."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorSegLib.follow_up.comparison import Comparison
from LiverTumorSegLib.follow_up.matching import Link
from LiverTumorSegLib.follow_up.registration import Registration
from LiverTumorSegLib.follow_up.scan import Scan
from LiverTumorSegLib.follow_up.series import Series
from LiverTumorSegLib.io import volumes
from support import dicom_slices, enhanced_dicom

SHAPE = (10, 48, 56)
DAYS = ("20260110", "20260420", "20260801")
BOXES = {
    "a": (slice(2, 6), slice(10, 20), slice(10, 22)),
    "b": (slice(2, 5), slice(10, 16), slice(30, 40)),
    "c": (slice(6, 8), slice(30, 35), slice(12, 18)),
    "d": (slice(6, 8), slice(30, 33), slice(36, 42)),
}


def visit(
    folder: Path,
    number: int,
    boxes: str,
    *,
    grown: int = 0,
    coronal: bool = False,
    as_one: bool = False,
    **values: object,
) -> Scan:
    """A scan read from a DICOM series.

    Args:
        folder: the series is written to.
        number: of the visit, from 0; each is a study of its own.
        boxes: names of the lesions.
        grown: voxels that they are longer by.
        coronal: the slices are, not axial.
        as_one: in one file, an enhanced CT.
        values: attributes of every image.
    """
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:9, 5:40, 5:50] = 1
    for name in boxes:
        k, j, i = BOXES[name]
        labels[k, j, slice(i.start, i.stop + grown)] = 2
    images = dicom_slices.plain(f"1.2.{number + 3}", seed=number, count=SHAPE[0])
    noise = np.random.default_rng(number).integers(-10, 10, SHAPE)
    hounsfield = np.where(labels == 1, 100, np.where(labels == 2, 50, -80)) + noise
    for at, (image, plane) in enumerate(zip(images, hounsfield, strict=True)):
        if coronal:
            image.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
            image.ImagePositionPatient = np.add(dicom_slices.ORIGIN, (0, dicom_slices.SLICE_MM * at, 0)).tolist()
        dicom_slices.store(image, (plane - dicom_slices.INTERCEPT).astype(np.uint16))
        image.StudyInstanceUID, image.FrameOfReferenceUID = f"1.2.9.{number}", f"1.2.8.{number}"
        image.StudyDate = image.AcquisitionDate = DAYS[number]
        for name, value in values.items():
            setattr(image, name, value)
    if as_one:
        enhanced_dicom.write(enhanced_dicom.enhanced(images, uid=f"1.2.{number + 3}"), folder / "ct.dcm")
    else:
        dicom_slices.write(images, folder)
    volume = volumes.read_volume(folder, force=True)
    assert np.array_equal(volume.voxels, hounsfield)
    return Scan.measured(folder.name, volume, labels)


def one(earlier: int, later: int) -> Link:
    """Two lesions that are one."""
    return Link((earlier,), (later,), "one", "certain")


def compared(scans: Sequence[Scan], *links: Sequence[Link], targets: tuple[int, ...] = (1,)) -> Series:
    """The scans compared, with these links between each and the next."""
    still = Registration(sitk.Transform(), "deformable", (1.0, 1.0))
    pairs = zip(scans, scans[1:], links, strict=False)
    return Series(tuple(Comparison(before, after, still, tuple(between), targets) for before, after, between in pairs))
