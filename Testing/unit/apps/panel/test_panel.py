from dataclasses import replace

import numpy as np
import pytest
from support.panels import settle

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from LiverTumorSegLib.reporting.lesions import measure_lesions

FAST = PanelSettings(device="cpu", postprocessing={"smallest_lesion_ml": 0.2})


@pytest.fixture(autouse=True)
def panel(warm_worker):
    return Panel(warm_worker)


@pytest.fixture
def result(panel, small_phantom):
    return run(panel, panel.segment, small_phantom.volume, FAST)


def run(panel, job, *arguments, **options):
    """What a job's callback gets."""
    got = []
    job(*arguments, lambda *answers: got.append(answers[0] if len(answers) == 1 else answers), **options)
    settle(panel)
    assert panel.state is PanelState.DONE, panel.error
    return got[0]


def test_opening_fetches_models_and_devices(panel):
    panel.open()
    settle(panel, lambda p: p.models and p.devices)
    assert panel.models[0]["name"] == PanelSettings().model
    assert panel.devices[-1]["name"] == "cpu"
    assert panel.state is PanelState.READY


def test_opening_does_nothing_before_the_setup(warm_worker):
    panel = Panel(warm_worker, missing=("torch",))
    panel.open()
    assert not panel._asked


def test_doubts_about_the_volume_come_first_among_the_warnings(panel, small_phantom):
    doubtful = replace(small_phantom.volume, warnings=("It is doubtful.",))
    nothing = PanelSettings(device="cpu", postprocessing={"smallest_liver_ml": 9000.0})
    result = run(panel, panel.segment, doubtful, nothing)
    assert result.warnings == ("It is doubtful.", "No liver was found.")


def test_segmenting_gives_labels_table_and_how_it_came_about(result, small_phantom):
    assert result.volume is small_phantom.volume
    table = measure_lesions(result.labels.clip(0, 2).astype(np.uint8), small_phantom.volume).to_dict()
    assert all(lesion["probability"] is not None for lesion in result.table["lesions"])
    unknown = {"probability": None, "origin": None}
    assert result.table | {"lesions": [lesion | unknown for lesion in result.table["lesions"]]} == table
    assert result.run["options"]["postprocessing"]["smallest_lesion_ml"] == 0.2


def test_a_part_can_be_excluded(panel, small_phantom):
    inside = np.zeros(small_phantom.labels.shape, bool)
    inside[:, :, 50:] = True
    result = run(panel, panel.segment, small_phantom.volume, FAST, inside=inside)
    assert result.labels.any()
    assert not result.labels[~inside].any()


def test_a_file_is_segmented_without_passing_through_this_process(panel, small_phantom, tmp_path):
    from LiverTumorSegLib.io.nifti import write_volume

    write_volume(tmp_path / "ct.nii.gz", small_phantom.volume)
    answer = run(panel, panel.segment_file, tmp_path / "ct.nii.gz", tmp_path / "out.nii.gz", FAST)
    assert answer["table"]["liver_ml"] > 500
    assert (tmp_path / "out.nii.gz").is_file()


def test_corrections_are_measured(panel, result):
    corrected = result.labels.clip(0, 1)
    measured = run(panel, panel.measure, result, corrected)
    assert measured.table["lesion_count"] == 0
    assert measured.table["liver_ml"] == result.table["liver_ml"]
    assert measured.run == result.run


def test_doubts_about_corrected_labels_take_the_place_of_earlier_ones_and_others_stay(panel, small_phantom, tmp_path):
    doubtful = replace(small_phantom.volume, warnings=("It is doubtful.",))
    result = run(panel, panel.segment, doubtful, FAST)
    assert result.warnings == ("It is doubtful.",)
    painted = result.labels.copy()
    painted[1:3, 1:3, 1:3] = 2
    outside = run(panel, panel.measure, result, painted)
    assert outside.warnings[0] == "It is doubtful."
    assert "lies outside the liver" in outside.warnings[1]
    reported, _ = run(panel, panel.report, outside, tmp_path / "report", overwrite=False)
    assert reported.warnings == outside.warnings
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert all(page.count(sentence) == 1 for sentence in outside.warnings)
    assert run(panel, panel.measure, outside, result.labels).warnings == result.warnings


def test_the_report_is_written(panel, result, tmp_path):
    measured, files = run(panel, panel.report, result, tmp_path / "report", overwrite=False)
    assert measured.table == result.table
    assert (tmp_path / "report" / "report.html").is_file()
    assert len(files) == 4


def test_notes_are_in_the_report_with_their_lesions(panel, result, tmp_path):
    voxels = [lesion["inside_voxel"] for lesion in result.table["lesions"]]
    notes = [(tuple(voxel), f"note {number}") for number, voxel in enumerate(voxels)]
    reported, _ = run(panel, panel.report, result, tmp_path / "report", overwrite=False, notes=notes)
    assert [lesion["note"] for lesion in reported.table["lesions"]] == [text for _, text in notes]
    assert "note 0" in (tmp_path / "report" / "lesions.csv").read_text(encoding="utf-8")


def test_the_preview_is_handed_over(panel, small_phantom):
    image, affine = run(panel, panel.preview, small_phantom.volume, "unet-lits")
    assert image.dtype == np.float32
    assert affine.shape == (4, 4)


def test_models_are_imported_and_removed_and_the_list_follows(panel, model_folder):
    assert run(panel, lambda done: panel.import_model(str(model_folder), done, pytest.fail)) == "tiny"
    settle(panel, lambda p: any(m["name"] == "tiny" for m in p.models))
    assert run(panel, lambda done: panel.manage("remove_model", done, name="tiny")) == "tiny"
    settle(panel, lambda p: all(m["name"] != "tiny" for m in p.models))


def origins(result):
    return [lesion["origin"] for lesion in result.table["lesions"]]


def test_how_lesions_came_about_stays_known_when_labels_are_corrected(panel, result, tmp_path):
    automatic = {"automatic": True, "clicks": 0, "corrected": False}
    assert origins(result) == [automatic] * len(result.marks)
    at = tuple(np.argwhere(result.labels == 2)[0])
    painted = result.labels.copy()
    painted[at] = 1
    painted[1:3, 1:3, 1:3] = 2
    measured = run(panel, panel.measure, result, painted)
    assert automatic | {"corrected": True} in origins(measured)
    assert automatic | {"automatic": False} in origins(measured)
    assert origins(measured).count(automatic) == len(result.marks) - 1
    reported, _ = run(panel, panel.report, measured, tmp_path / "report", overwrite=False)
    assert origins(reported) == origins(measured)
    assert reported.marks == measured.marks
    assert run(panel, panel.measure, measured, result.labels).table == result.table


def test_where_nothing_was_kept_nothing_is_said(panel, result):
    measured = run(panel, panel.measure, replace(result, marks=None), result.labels)
    assert measured.marks is None
    assert set(origins(measured)) == {None}
