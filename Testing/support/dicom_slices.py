"""The plain CT series that every odd one is made from, as data sets that a case may change before they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SHAPE, ROW_MM, COLUMN_MM, SLICE_MM = (6, 16, 20), 0.75, 0.5, 12.5
ORIGIN = np.array([-5.0, -7.0, 30.0])
INTERCEPT = -1024

Slices = list[Dataset]
Change = Callable[[Slices], object]


def hounsfield(count: int = SHAPE[0], seed: int = 7) -> NDArray[np.int16]:
    """HU ``[slice, row, column]`` of a liver with a lesion in fat, no two slices alike."""
    values = np.random.default_rng(seed).integers(-40, 40, (count, *SHAPE[1:])).astype(np.int16)
    values[:, :4] -= 105
    values[:, 4:] += 100
    values[:, 8:11, 5:9] += 81
    return values


def plain(uid: str = "1.2.3", seed: int = 7, count: int = SHAPE[0]) -> Slices:
    """A CT series from the feet up."""
    return [_slice(number, values, uid) for number, values in enumerate(hounsfield(count, seed))]


def placed(
    along: Sequence[float] = (0, 0, SLICE_MM),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    origin: NDArray[np.float64] = ORIGIN,
) -> NDArray[np.float64]:
    """The affine to RAS of a series with these directions and steps in LPS, written out from the standard's formula.

    Equation C.7.6.2.1-1 of DICOM PS3.3.
    """
    affine = np.eye(4)
    affine[:3, 0] = np.array(orientation[:3]) * COLUMN_MM
    affine[:3, 1] = np.array(orientation[3:]) * ROW_MM
    affine[:3, 2] = along
    affine[:3, 3] = origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def write(slices: Iterable[Dataset], folder: Path, name: str = "slice", **options: object) -> list[Path]:
    """Write a file a slice, in an order of names that is not that of the positions."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, one in enumerate(slices):
        paths.append(folder / f"{name}-{number * 7 % 5}-{number}.dcm")
        one.save_as(paths[-1], **{"enforce_file_format": True} | options)
    return paths


def store(one: Dataset, values: NDArray) -> None:
    """Give a slice other pixels of the type of these."""
    bits = values.dtype.itemsize * 8
    one.PixelData, one.Rows, one.Columns = values.tobytes(), *values.shape[:2]
    one.BitsAllocated, one.BitsStored, one.HighBit = bits, bits, bits - 1
    one.PixelRepresentation = int(np.issubdtype(values.dtype, np.signedinteger))


def _slice(number: int, values: NDArray[np.int16], uid: str) -> Dataset:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = f"{uid}.{number + 1}"
    one.PatientID, one.PatientName, one.Modality = "1", "Some^One", "CT"
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "1.2.9", uid, "1.2.8"
    one.SeriesDescription, one.InstanceNumber, one.AcquisitionNumber = f"series {uid}", number + 1, 1
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.ImagePositionPatient = np.add(ORIGIN, (0, 0, number * SLICE_MM)).tolist()
    one.ImageOrientationPatient, one.PixelSpacing = [1, 0, 0, 0, 1, 0], [ROW_MM, COLUMN_MM]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.RescaleSlope, one.RescaleIntercept = 1, INTERCEPT
    store(one, (values - INTERCEPT).astype(np.uint16))
    one.BitsStored, one.HighBit = 12, 11
    return one
