import json
import subprocess
import sys

import highdicom
import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from support import dicom_slices, enhanced_dicom
from support.dicom_object_cases import dciodvfy

from LiverTumorSegLib.io import dicom_seg, volumes
from LiverTumorSegLib.io.nifti import write_volume

OBJECTS = ["measurements.dcm", "segmentation.dcm"]


@pytest.fixture
def series(tmp_path):
    dicom_slices.write(dicom_slices.plain(), tmp_path / "series")
    return tmp_path / "series"


@pytest.fixture
def segment(run, model_folder, series, tmp_path):
    """Segment the series into DICOM objects."""

    def segment(*words, source=series, output=tmp_path / "out"):
        return run("segment", source, "-o", output, "-m", model_folder, "--device", "cpu", "--force", "--dicom", *words)

    return segment


def test_both_objects_are_written_and_named(segment, tmp_path):
    code, out, _ = segment()
    assert code == 0
    assert f"Wrote {tmp_path}/out/segmentation.dcm and {tmp_path}/out/measurements.dcm. Research only" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == OBJECTS
    assert [dciodvfy(tmp_path / "out" / name) for name in OBJECTS] == [[], []]
    group, *_ = highdicom.sr.srread(tmp_path / "out" / "measurements.dcm").content.get_image_measurement_groups()
    assert out.startswith(f"Liver {group.get_measurements()[0].value:.0f} ml, ")


def test_an_enhanced_ct_gives_the_labels_of_its_slices_from_its_file_or_folder(segment, series, tmp_path):
    assert segment()[0] == 0
    slices = dicom_slices.plain()
    file = enhanced_dicom.write(enhanced_dicom.enhanced([*slices[3:], *slices[:3]]), tmp_path / "enhanced" / "ct.dcm")
    for number, source in enumerate((file, file.parent)):
        assert segment(source=source, output=tmp_path / str(number))[0] == 0
        made = tmp_path / str(number)
        assert [dciodvfy(made / name) for name in OBJECTS] == [[], []]
        found, wanted = (dicom_seg.read(place / "segmentation.dcm") for place in (made, tmp_path / "out"))
        np.testing.assert_array_equal(found.values, wanted.values)
        np.testing.assert_allclose(found.affine, wanted.affine)


def test_probabilities_are_named_after_the_folder(segment, tmp_path):
    code, out, _ = segment("--json", "--probabilities", tmp_path / "likely")
    assert code == 0
    assert json.loads(out)["output"] == str(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "likely").iterdir()) == ["out_lesion.nii.gz", "out_liver.nii.gz"]
    assert nibabel.load(tmp_path / "likely" / "out_liver.nii.gz").shape == (20, 16, 6)


def test_lesions_can_be_one_segment(segment, tmp_path):
    assert segment("--lesion-segments", "all", "--overwrite")[0] == 0
    labels = [item.SegmentLabel for item in dcmread(tmp_path / "out" / "segmentation.dcm").SegmentSequence]
    assert labels in (["Liver", "Lesions"], ["Liver"], ["Lesions"])
    code, _, err = segment("--lesion-segments", "some", "--overwrite")
    assert (code, "give each or all" in err) == (3, True)


def test_lesion_segments_are_of_dicom_objects_alone(run, series, tmp_path):
    code, _, err = run("segment", series, "-o", tmp_path / "labels.nii.gz", "--lesion-segments", "all")
    assert (code, "add --dicom, or leave it out" in err) == (3, True)


def refuse(*_words, **_options):
    pytest.fail("the network ran")


def test_what_is_no_dicom_series_is_refused_before_the_network_runs(segment, ct, tmp_path, monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.inference.segment.segment", refuse)
    write_volume(tmp_path / "ct.nii.gz", ct)
    code, _, err = segment(source=tmp_path / "ct.nii.gz")
    assert (code, err.count("error:")) == (3, 1)
    assert "give the folder of a DICOM series" in err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_files_that_are_there_are_refused_before_the_network_runs(segment, series, tmp_path, monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.inference.segment.segment", refuse)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "measurements.dcm").write_bytes(b"mine")
    code, _, err = segment()
    assert (code, "exists already" in err) == (3, True)
    code, _, err = segment("--overwrite", output=series)
    assert (code, "is the CT itself" in err) == (3, True)


def test_missing_packages_are_one_sentence(segment, monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.core.optional_packages.find_spec", lambda _: None)
    code, _, err = segment()
    assert code == 3
    assert "(pydicom, highdicom): pip install 'livertumorseg[dicom]'." in err


def test_starting_command_line_and_worker_loads_no_such_package():
    imports = "import sys, LiverTumorSegLib.apps.cli, LiverTumorSegLib.apps.worker.commands"
    code = f"{imports}; sys.exit('highdicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 0


def test_a_structure_set_is_written_beside(run, series, model_folder, tmp_path):
    words = "segment", "-i", series, "-m", model_folder, "--device", "cpu", "--force", "-o", tmp_path / "out.nii.gz"
    code, out, _ = run(*words, "--rtstruct", tmp_path / "rt.dcm")
    assert (code, f"{tmp_path / 'out.nii.gz'} and {tmp_path / 'rt.dcm'}. Research only" in out) == (0, True)
    assert dcmread(tmp_path / "rt.dcm").Modality == "RTSTRUCT"
    refused = {
        "rt.dcm": f"{tmp_path}/rt.dcm exists already: choose another name, or allow it to be replaced",
        "rt.nii.gz": f"{tmp_path}/rt.nii.gz is not a name for an RT Structure Set: end it in .dcm.",
        "series/rt.dcm": "rt.dcm would lie among the images of the CT: choose another folder for it.",
    }
    for name, sentence in refused.items():
        code, _, complained = run(*words[:-1], tmp_path / "other.nii.gz", "--rtstruct", tmp_path / name)
        assert (code, sentence in complained) == (3, True)


def test_a_segmentation_can_be_deflated_and_says_the_same(segment, run, series, tmp_path):
    assert segment()[0] == 0
    assert segment("--deflate", output=tmp_path / "small")[0] == 0
    whole, small = (tmp_path / name / "segmentation.dcm" for name in ("out", "small"))
    assert small.stat().st_size < whole.stat().st_size
    assert dcmread(small).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    inflated = dcmread(small)
    inflated.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    inflated.save_as(tmp_path / "inflated.dcm")
    assert dciodvfy(tmp_path / "inflated.dcm") == []  # which reads nothing that is deflated
    assert dcmread(small).PixelData == dcmread(whole).PixelData
    np.testing.assert_array_equal(volumes.read_stored(small).values, volumes.read_stored(whole).values)


def test_a_segmentation_can_be_a_label_map_and_says_the_same(segment, tmp_path):
    assert segment()[0] == 0
    assert segment("--label-map", output=tmp_path / "map")[0] == 0
    usual, made = (tmp_path / name / "segmentation.dcm" for name in ("out", "map"))
    assert dcmread(made).SegmentationType == "LABELMAP"
    np.testing.assert_array_equal(volumes.read_stored(made).values, volumes.read_stored(usual).values)


def test_forms_of_the_segmentation_are_of_dicom_objects_and_one_alone(run, series, tmp_path):
    for words, sentence in (
        (("--deflate",), "--deflate works with --dicom alone"),
        (("--label-map",), "--label-map works with --dicom alone"),
        (("--dicom", "--label-map", "--deflate"), "--deflate and --label-map are two forms of one file"),
    ):
        refused = run("segment", series, "-o", tmp_path / "labels", *words)
        assert (refused[0], sentence in refused[2]) == (3, True)


def test_outputs_that_would_replace_each_other_are_refused_before_any_work(run, model_folder, ct, tmp_path):
    labels = tmp_path / "out" / "lesion.nii.gz"
    for masks in (tmp_path / "out", tmp_path / "out" / "."):
        code, _, complained = run("segment", ct, "-o", labels, "--separate", masks, "--model", model_folder)
        assert (code, f"Two outputs would be written to {labels}" in " ".join(complained.split())) == (3, True)
    beside = tmp_path / "out" / "ct.nii.gz"
    code, _, complained = run("segment", ct, "-o", beside, "--separate", tmp_path / "out", "--model", model_folder)
    assert (code, "lies in the folder of the separate masks" in " ".join(complained.split())) == (3, True)
    assert not (tmp_path / "out").exists()
