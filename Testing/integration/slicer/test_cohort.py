"""Many CTs from the panel: a sequence and a folder, with progress, one cancel, one table and one sentence."""

import pytest
from support.cohort_cases import add_ct_sequence, save, small_ct
from support.module_case import add_ct, click, finish, harness, lasting_worker, wait, widget  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def unfolded(widget):  # noqa: F811
    import slicer

    widget.ui.cohortSection.collapsed = False
    widget.logic.getParameterNode().device = "cpu"
    slicer.app.processEvents()
    return widget


@pytest.fixture
def sequence(harness):  # noqa: F811
    """Two CTs, and what is no CT between them."""
    return add_ct_sequence()


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """What the user chooses in the dialogs, one after the other; three CTs, of which one is damaged."""
    import qt

    for name in ("a", "c"):
        save(tmp_path / "in" / f"{name}.nii.gz", small_ct())
    (tmp_path / "in" / "b.nii.gz").write_bytes(b"rubbish")
    (tmp_path / "out").mkdir()
    chosen = [str(tmp_path / "in"), str(tmp_path / "out")]
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: chosen.pop(0) if chosen else "")
    return chosen


def ended(harness, widget):  # noqa: F811
    wait(harness, lambda: widget.ui.cohortLabel.text)


def table(name):
    import slicer

    node = slicer.util.getNode(name)
    return [
        [node.GetCellText(row, column) for column in range(node.GetNumberOfColumns())]
        for row in range(node.GetNumberOfRows())
    ]


def test_every_volume_of_a_sequence_is_segmented_with_one_table_and_one_sentence(harness, unfolded, sequence):  # noqa: F811
    import slicer

    ui, panel = unfolded.ui, unfolded.logic.panel
    assert not ui.sequenceButton.enabled
    ui.sequenceSelector.setCurrentNode(sequence)
    seen = []
    panel.changed.append(lambda: seen.append((ui.segmentButton.text, ui.stageLabel.text, ui.progressBar.value)))
    click(ui.sequenceButton)
    ended(harness, unfolded)
    assert ui.cohortLabel.text == "2 of 3 CTs were segmented, 1 failed: the table “CTs of phases” says why."
    running = [each for each in seen if each[1].startswith(("1 of 3", "3 of 3"))]
    assert {button for button, *_ in running} == {"Cancel"}
    values = [value for *_, value in running]
    assert values == sorted(values)
    assert any(0 < value <= 33 for value in values)
    assert any(value > 66 for value in values)
    assert any(stage.startswith("1 of 3, phases 1: 0 s: ") for _, stage, _ in seen)
    rows = table("CTs of phases")
    assert [row[0] for row in rows] == ["phases 1: 0 s", "phases 2: 35 s", "phases 3: 70 s"]
    assert float(rows[0][1]) > 500
    assert "NaN or infinite" in rows[1][4]
    selection = slicer.app.applicationLogic().GetSelectionNode()
    assert selection.GetActiveTableID() == slicer.util.getNode("CTs of phases").GetID()
    made = slicer.util.getNode("phases liver and lesions")
    assert [made.GetNthIndexValue(n) for n in range(made.GetNumberOfDataNodes())] == ["0", "70"]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert panel.state is PanelState.READY
    assert not ui.errorFrame.visible
    assert ui.sequenceButton.enabled


def test_a_folder_goes_on_after_one_that_fails_and_slicer_stays_alive(harness, unfolded, folders, tmp_path):  # noqa: F811
    import time

    import slicer

    click(unfolded.ui.folderButton)
    assert not unfolded.ui.folderButton.enabled
    gaps, last = [], time.monotonic()
    while not unfolded.ui.cohortLabel.text:
        slicer.app.processEvents()
        time.sleep(0.005)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
        assert len(gaps) < 30000
    assert max(gaps) < 0.5
    said = "2 of 3 CTs were segmented, 1 failed: the table “CTs of a folder” says why. The segmentations are in "
    assert unfolded.ui.cohortLabel.text == f"{said}{tmp_path / 'out'}."
    rows = table("CTs of a folder")
    assert [row[0] for row in rows] == ["a", "b", "c"]
    assert [row[1] == "nan" for row in rows] == [False, True, False]
    assert "b.nii.gz" in rows[1][4]
    assert str(tmp_path) not in str(rows)  # a scene is passed on
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.seg.nrrd", "c.seg.nrrd"]


def test_the_one_button_cancels_and_what_was_done_is_said(harness, unfolded, sequence):  # noqa: F811
    import slicer

    ui, panel = unfolded.ui, unfolded.logic.panel
    ui.sequenceSelector.setCurrentNode(sequence)
    click(ui.sequenceButton)
    wait(harness, lambda: ui.stageLabel.text.startswith("3 of 3"))
    assert ui.segmentButton.toolTip == "Stop; what is done stays"
    click(ui.segmentButton)
    ended(harness, unfolded)
    sentence = "Cancelled when 1 of 3 CTs were segmented: the table “CTs of phases” has their measures."
    assert ui.cohortLabel.text == sentence
    assert panel.state is PanelState.READY
    assert [row[0] for row in table("CTs of phases")] == ["phases 1: 0 s", "phases 2: 35 s"]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    click(ui.sequenceButton)
    click(ui.segmentButton)
    ended(harness, unfolded)
    assert ui.cohortLabel.text == "Cancelled; nothing was segmented."
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 2


def test_closing_the_scene_ends_a_run_without_a_word(harness, unfolded, sequence):  # noqa: F811
    import slicer

    unfolded.ui.sequenceSelector.setCurrentNode(sequence)
    click(unfolded.ui.sequenceButton)
    wait(harness, lambda: unfolded.logic.panel.state is PanelState.RUNNING)
    slicer.mrmlScene.Clear(0)
    wait(harness, lambda: not unfolded.logic.panel.busy)
    slicer.app.processEvents()
    assert unfolded.ui.cohortLabel.text == ""
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0
    assert unfolded.logic.panel.error == ""


def test_nothing_begins_before_what_has_to_be_asked_first(unfolded, sequence, folders):
    from LiverTumorSegPanel.cohort import CohortSection

    waiting = []
    section = CohortSection(unfolded.ui, unfolded.logic, waiting.append)
    section.parameters = unfolded.logic.getParameterNode()
    unfolded.ui.sequenceSelector.setCurrentNode(sequence)
    section._onSequence()
    section._onFolder()
    assert len(waiting) == 2
    assert not unfolded.logic.panel.busy
    waiting[0]()
    assert unfolded.logic.panel.busy
    unfolded.logic.panel.cancel()


def test_what_cannot_be_segmented_at_all_is_one_sentence(harness, unfolded, folders, tmp_path):  # noqa: F811
    import slicer

    ui = unfolded.ui
    ui.sequenceSelector.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "nothing"))
    click(ui.sequenceButton)
    assert ui.errorLabel.text == "“nothing” is empty: choose a sequence of CTs."
    folders[1] = folders[0]
    click(ui.folderButton)
    assert ui.errorLabel.text.endswith("in holds the CTs: choose another folder for the segmentations.")
    folders += [str(tmp_path / "out"), str(tmp_path / "elsewhere")]
    click(ui.folderButton)
    wait(harness, lambda: not unfolded.logic.panel.busy)
    assert "out holds no CT" in ui.errorLabel.text
    click(ui.folderButton)  # and chooses none
    assert not unfolded.logic.panel.busy


def test_a_run_lets_the_panels_own_segmentation_be_started_afterwards(harness, unfolded, sequence):  # noqa: F811
    ui = unfolded.ui
    ui.sequenceSelector.setCurrentNode(sequence)
    click(ui.sequenceButton)
    ended(harness, unfolded)
    ui.inputSelector.setCurrentNode(add_ct(small_ct()))
    click(ui.segmentButton)
    assert ui.stageLabel.text
    assert not ui.stageLabel.text[0].isdigit()
    finish(harness, unfolded)
    assert ui.stageLabel.text == "Done."
