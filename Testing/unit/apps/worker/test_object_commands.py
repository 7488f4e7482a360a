"""A result that was written as DICOM objects is opened from them as it was."""

import numpy as np
import pydicom
import pytest
from support import dicom_slices, enhanced_dicom

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting import lesions
from LiverTumorSegLib.reporting.dicom_label_map import as_label_map

pytest.importorskip("highdicom", reason="needs highdicom: pip install livertumorseg[dicom]")


def run(command, **arguments):
    return Commands().run(command, arguments, Job())


@pytest.fixture
def made(tmp_path):
    """Labels with an automatic, a clicked and a painted lesion, the answer of writing objects of them, and files."""
    files = dicom_slices.write(dicom_slices.plain(), tmp_path / "series")
    volume = volumes.read_volume(tmp_path / "series", force=True)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[1:5, 3:14, 2:18], labels[2:4, 8:11, 5:9], labels[1, 4, 15], labels[4, 12, 3:5] = 1, 2, 2, 2
    arrays.write(tmp_path / "ct.nrrd", volume.voxels, volume.affine)
    arrays.write(tmp_path / "labels.nrrd", labels, volume.affine)
    facts = {"model": "unet-lits", "device": "cpu", "notes": [], "seconds": 0.0, "options": {"postprocessing": None}}
    marks = [[[6, 9, 2], 0, 24], [[3, 12, 4], 2, 2]]
    pair = {"volume": str(tmp_path / "ct.nrrd"), "labels": str(tmp_path / "labels.nrrd")}
    more = {"images": [str(file) for file in files], "folder": str(tmp_path / "objects"), "marks": marks}
    answer = run("write_objects", **pair, run=facts, corrected=True, **more)
    return labels, answer, pair


def opened(tmp_path, pair, **more):
    chosen = {"segmentation": str(tmp_path / "objects" / "segmentation.dcm")} | more
    return run("open_objects", volume=pair["volume"], labels=str(tmp_path / "opened.nrrd"), **chosen)


def test_labels_measures_and_origins_come_back(made, tmp_path):
    labels, written, pair = made
    found = opened(tmp_path, pair, reports=[written["files"][1]])
    numbered, affine = arrays.read(tmp_path / "opened.nrrd")
    assert np.array_equal(np.minimum(numbered, 2), labels)
    volume = volumes.read_volume(tmp_path / "series", force=True)
    assert np.allclose(affine, volume.affine)
    assert found["table"]["liver_ml"] == pytest.approx(lesions.measure_lesions(labels, volume).liver_ml)
    words = [lesion["origin"]["automatic"] for lesion in found["table"]["lesions"]]
    assert words == [True, False, False]
    assert [lesion["origin"]["clicks"] for lesion in found["table"]["lesions"]] == [0, 2, 0]
    assert not any(lesion["origin"]["corrected"] for lesion in found["table"]["lesions"])
    assert (found["run"]["model"], found["report"], found["corrected"]) == ("unet-lits", written["report"], True)


def test_a_label_map_is_opened_as_the_usual_form_is(made, tmp_path):
    labels, written, pair = made
    usual = [pydicom.dcmread(file) for file in written["files"][:2]]
    changed = as_label_map(*usual)
    for file, one in zip(written["files"], changed, strict=False):
        one.save_as(file)
    found = opened(tmp_path, pair, reports=[written["files"][1]])
    assert np.array_equal(np.minimum(arrays.read(tmp_path / "opened.nrrd")[0], 2), labels)
    assert [lesion["origin"]["clicks"] for lesion in found["table"]["lesions"]] == [0, 2, 0]
    assert changed[1].SOPInstanceUID in found["report"].values()


def test_a_report_of_another_result_is_not_taken_for_its_own(made, tmp_path):
    _, _, pair = made
    other = pydicom.dcmread(tmp_path / "objects" / "measurements.dcm")
    for study in other.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                item.ReferencedSOPInstanceUID += ".1"
    other.save_as(tmp_path / "other.dcm")
    found = opened(tmp_path, pair, reports=[str(tmp_path / "other.dcm")])
    assert found["report"] is None
    assert found["marks"] is None


def change(tmp_path, **values):
    file = tmp_path / "objects" / "segmentation.dcm"
    one = pydicom.dcmread(file)
    for keyword, value in values.items():
        setattr(one, keyword, value)
    one.save_as(file)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Manufacturer": "Others"}, "was not made by LiverTumorSeg"),
        ({"ManufacturerModelName": "mine"}, "The model “mine” .* is not here: import it"),
        ({"DeviceSerialNumber": "0123"}, "is not here: import it"),
    ],
)
def test_what_cannot_be_corrected_here_is_said(made, tmp_path, values, words):
    _, _, pair = made
    change(tmp_path, **values)
    with pytest.raises(UserError, match=words):
        opened(tmp_path, pair)


def test_a_segmentation_of_another_ct_is_refused(made, tmp_path):
    _, _, pair = made
    voxels, affine = arrays.read(tmp_path / "ct.nrrd")
    affine = affine.copy()
    affine[2, 3] += 5
    arrays.write(tmp_path / "ct.nrrd", voxels, affine)
    with pytest.raises(UserError, match="does not lie on this CT's voxels"):
        opened(tmp_path, pair)


@pytest.mark.parametrize("is_enhanced", [False, True])
def test_objects_that_nobody_corrected_have_the_uids_that_the_process_beside_an_archive_gives_them(
    tmp_path, is_enhanced
):
    if is_enhanced:
        files = [enhanced_dicom.write(enhanced_dicom.legacy(dicom_slices.plain()), tmp_path / "series" / "ct.dcm")] * 6
    else:
        files = dicom_slices.write(dicom_slices.plain(), tmp_path / "series")
    made = {"model": "unet-lits", "device": "cpu", "options": {}}
    at = {"made": "2026-01-02T03:04:05+00:00", "lesion_segments": "each"}
    run("segment_series", source=str(tmp_path / "series"), folder=str(tmp_path / "process"), **made, **at)
    volume = volumes.read_volume(tmp_path / "series", force=True)
    arrays.write(tmp_path / "ct.nrrd", volume.voxels, volume.affine)
    pair = {"volume": str(tmp_path / "ct.nrrd"), "labels": str(tmp_path / "labels.nrrd")}
    shown = run("segment", **pair, **made)
    chosen = pair | {"images": [str(file) for file in files], "run": shown["run"], "folder": str(tmp_path / "page")}
    run("write_objects", **chosen, candidates=shown["candidates"], marks=shown["marks"], repeatable=True)
    for name in ("segmentation.dcm", "measurements.dcm"):
        one, other = (pydicom.dcmread(tmp_path / place / name) for place in ("process", "page"))
        assert one.SOPInstanceUID == other.SOPInstanceUID
