"""Seconds of writing and reading DICOM objects, beside what other formats and programs take on the same labels.

    python Testing/benchmarks/dicom.py [--repeats N] [--forms]

A phantom of 512 x 512 x 160 voxels with 12 lesions as a DICOM series, its truth as the result, all in turns in one run:

- writing segmentation.dcm and measurements.dcm, beside .seg.nrrd of the same labels and reading the series;
- reading segmentation.dcm, beside highdicom's reader and dcmqi's segimage2itkimage (a process), which give the same
  labels, and reading the file's bytes, which is the floor.

With --forms instead the bytes of a Segmentation in each form, of 60 lesions in 300 slices of 512 x 512 voxels.
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

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.dicom_forms import FORMS
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


def many_lesions() -> np.ndarray:
    """Labels ``[k, j, i]`` of 300 slices with a block of liver and 60 balls of 38 mm in it, 42 mm apart."""
    labels = np.zeros((300, 512, 512), np.uint8)
    labels[:, 60:400, 60:460] = 1
    k, j, i = np.ogrid[-21:22, -28:29, -28:29]
    ball = k**2 + (0.75 * j) ** 2 + (0.75 * i) ** 2 <= 19**2
    for at_k in range(40, 290, 50):
        for at_j in range(100, 352, 84):
            for at_i in range(100, 436, 84):
                labels[at_k - 21 : at_k + 22, at_j - 28 : at_j + 29, at_i - 28 : at_i + 29][ball] = 2
    return labels


def report_forms(place: Path) -> None:
    """Print the bytes of each form; all are read back equal."""
    labels = many_lesions()
    ct = Volume(np.where(labels == 2, 60, labels * 100).astype(np.int16), np.diag([0.75, 0.75, 1.0, 1.0]))
    write_series(phantom.Phantom(ct, labels), place / "series")
    result = segmented(place / "series", lambda made: np.copyto(made, ct.axial.of(labels)))
    table = measure_lesions(result.labels, result.volume)
    usual = None
    for form in FORMS:
        file, _ = dicom_write.write(place / form, result, table, made=MADE, form=form)
        found = volumes.read_stored(file).values
        usual = found if usual is None else usual
        assert np.array_equal(found, usual), f"{form} does not hold the same"
        print(f"{form}, {len(table.lesions)} lesions: {file.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--forms", action="store_true", help="the sizes of the forms of a Segmentation")
    given = parser.parse_args()
    if given.forms:
        with tempfile.TemporaryDirectory() as folder:
            report_forms(Path(folder))
        return
    repeats = given.repeats
    with tempfile.TemporaryDirectory() as folder:
        work = actions(Path(folder))
        seconds = in_turns(work, repeats)
        own, other = volumes.read_stored(Path(folder) / "objects" / dicom_write.SEGMENTATION).values, work[HIGHDICOM]()
    assert np.array_equal(np.unique(own), np.unique(other)), "the readers do not agree"
    report(seconds, WRITE, [NRRD, SERIES])
    report(seconds, READ, [name for name in (FLOOR, HIGHDICOM, DCMQI) if name in seconds])


if __name__ == "__main__":
    main()
