import dataclasses

import numpy as np
import pytest
from support.cohort_cases import hidden, labels

from LiverTumorSegLib.apps.cohort import CohortSettings, records
from LiverTumorSegLib.apps.cohort.settings import CaseOutputs
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.reporting import lesions, report_files


@pytest.fixture
def result(segmentation):
    levels = {name: np.zeros(segmentation.labels.shape, np.uint16) for name in ("liver", "lesion")}
    return dataclasses.replace(segmentation, probabilities=levels)


@pytest.fixture
def outputs(tmp_path, result):
    settings = CohortSettings(report=tmp_path / "reports", probabilities=tmp_path / "maps")
    return CaseOutputs.of("volume-1", tmp_path / "out", settings, result.marks)


def test_every_file_is_written_and_removed(outputs, result, tmp_path):
    assert not outputs.are_whole
    outputs.write(result, lesions.measure_lesions(result.labels, result.volume))
    assert outputs.are_whole
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == [
        "maps/volume-1_lesion.nii.gz",
        "maps/volume-1_liver.nii.gz",
        "out/volume-1.seg.nrrd",
        "reports/volume-1/lesions.csv",
        "reports/volume-1/lesions.json",
        "reports/volume-1/patient.csv",
        "reports/volume-1/report.html",
    ]
    assert np.array_equal(labels(outputs.labels), result.labels)
    outputs.remove()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_picture_that_cannot_be_drawn_is_told(outputs, result, tmp_path, monkeypatch):
    (tmp_path / "vtkmodules.py").write_text("raise ImportError('no library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (said,) = outputs.write(result, lesions.measure_lesions(result.labels, result.volume))
    assert said.endswith("left out (the process that draws it failed, ImportError: no library).")
    assert said in (tmp_path / "reports" / "volume-1" / "report.html").read_text(encoding="utf-8")


def test_what_a_killed_process_left_is_removed_everywhere(outputs, tmp_path):
    for path in outputs.files:
        records._unfinished_folder(path.parent, "volume-1").mkdir(parents=True, exist_ok=True)
    assert len(hidden(tmp_path)) == 3
    outputs.remove_unfinished()
    assert hidden(tmp_path) == []


def test_grids_that_a_format_cannot_hold_are_refused(outputs, tmp_path, result):
    tilted = Volume(np.zeros((4, 5, 6), np.int16), np.eye(4) + np.eye(4, k=1) * 0.3)
    assert tilted.is_sheared
    with pytest.raises(UserError, match="gantry tilt"):
        outputs.check_volume(tilted)
    with pytest.raises(UserError, match="gantry tilt"):
        CaseOutputs.of("a", tmp_path, CohortSettings(format="nii.gz"), result.marks).check_volume(tilted)
    CaseOutputs.of("a", tmp_path, CohortSettings(), result.marks).check_volume(tilted)


def test_a_report_names_its_case_where_that_is_asked_for(tmp_path, result, monkeypatch):
    monkeypatch.setattr(report_files.surface_render, "render_surfaces", lambda *_: None)
    with pytest.raises(UserError, match="add --report"):
        CohortSettings(name_ct=True)
    for name_ct in (False, True):
        settings = CohortSettings(report=tmp_path / f"{name_ct}", name_ct=name_ct)
        CaseOutputs.of("volume-1", tmp_path, settings, result.marks).write(
            result, lesions.measure_lesions(result.labels, result.volume)
        )
        page = (tmp_path / f"{name_ct}" / "volume-1" / "report.html").read_text(encoding="utf-8")
        assert ('<span class="ct">: volume-1</span>' in page) == name_ct
