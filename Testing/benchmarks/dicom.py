"""Seconds of writing and reading DICOM objects, beside what other formats and programs take on the same labels.

    python Testing/benchmarks/dicom.py [--repeats N]

A phantom of 512 x 512 x 160 voxels with 12 lesions as a DICOM series, its truth as the result, all in turns in one run:

- writing segmentation.dcm and measurements.dcm, beside .seg.nrrd of the same labels and reading the series;
- reading segmentation.dcm, beside highdicom's reader and dcmqi's segimage2itkimage (a process), which give the same
  labels, and reading the file's bytes, which is the floor.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import highdicom
import numpy as np
from segment import in_turns, ratio
from support import dicom_slices
from support.dicom_object_cases import MADE, segmented

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.lesions import measure_lesions

SHAPE, SPACING, LESIONS = (160, 512, 512), (1.5, 0.75, 0.75), 12
WRITE, NRRD, SERIES = "writing both objects", ".seg.nrrd", "reading the series"
READ, FLOOR, HIGHDICOM, DCMQI = "reading the segmentation", "its bytes", "highdicom", "dcmqi"


def write_series(made: phantom.Phantom, folder: Path) -> None:
    """The phantom's slices, which lie in LPS as the plain series does, on a place of their own."""
    for number, plane in enumerate(made.volume.axial.of(made.volume.voxels)):
        (one,) = dicom_slices.plain(count=1)
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = f"1.2.3.{number + 1}"
        dicom_slices.store(one, plane)
        one.RescaleIntercept, one.InstanceNumber = 0, number + 1
        one.PixelSpacing, one.ImagePositionPatient = list(SPACING[1:]), [0, 0, number * SPACING[0]]
        dicom_slices.write([one], folder, f"{number:03}")


def by_highdicom(file: Path) -> np.ndarray:
    volume = highdicom.seg.segread(file).get_volume(combine_segments=True, rescale_fractional=False)
    return np.asarray(volume.array)


def by_dcmqi(program: Path, file: Path, folder: Path) -> None:
    words = [program, "--inputDICOM", file, "--outputDirectory", folder, "--outputType", "nrrd", "--mergeSegments"]
    subprocess.run(words, check=True, capture_output=True)


def report(seconds: dict[str, list[float]], ours: str, others: list[str]) -> None:
    print(f"{ours}: {median(seconds[ours]):.2f} s")
    for other in others:
        print(f"  {ratio(seconds[ours], seconds[other]):.2f} times {other} ({median(seconds[other]):.3f} s)")


def actions(place: Path) -> dict[str, Callable[[], object]]:
    made = phantom.create(SHAPE, SPACING, lesions=LESIONS)
    write_series(made, place / "series")
    truth = made.volume.axial.of(made.labels)
    result = segmented(place / "series", lambda labels: np.copyto(labels, truth))
    table = measure_lesions(result.labels, result.volume)
    file = place / "objects" / dicom_write.SEGMENTATION
    work: dict[str, Callable[[], object]] = {
        WRITE: lambda: dicom_write.write(place / "objects", result, table, made=MADE, overwrite=True),
        NRRD: lambda: volumes.write_labels(place / "l.seg.nrrd", result.labels, result.volume, overwrite=True),
        SERIES: lambda: volumes.read_volume(place / "series"),
        READ: lambda: volumes.read_stored(file),
        FLOOR: file.read_bytes,
        HIGHDICOM: lambda: by_highdicom(file),
    }
    program = shutil.which("segimage2itkimage", path=str(Path(sys.executable).parent))
    return work | ({DCMQI: lambda: by_dcmqi(Path(program), file, place)} if program else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        work = actions(Path(folder))
        seconds = in_turns(work, repeats)
        own, other = volumes.read_stored(Path(folder) / "objects" / dicom_write.SEGMENTATION).values, work[HIGHDICOM]()
    assert np.array_equal(np.unique(own), np.unique(other)), "the readers do not agree"
    report(seconds, WRITE, [NRRD, SERIES])
    report(seconds, READ, [name for name in (FLOOR, HIGHDICOM, DCMQI) if name in seconds])


if __name__ == "__main__":
    main()
