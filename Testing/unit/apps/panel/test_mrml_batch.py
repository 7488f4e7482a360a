import math

import pytest
from support.cohort_cases import add_ct_sequence, save, small_ct
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.apps.panel.batch import BatchAnswer, BatchRun
from LiverTumorSegLib.apps.panel.panel import PanelSettings

pytestmark = pytest.mark.usefixtures("mrml")
CPU = PanelSettings(device="cpu")


@pytest.fixture
def sequence(mrml):  # noqa: F811
    """Two CTs with a volume between that holds no CT."""
    made = add_ct_sequence()
    made.SetIndexUnit("s")
    return made


def finish(panel, items):
    ended = []
    run = BatchRun(panel, items, ended.append)
    panel.changed.insert(0, run.follow)
    run.follow()
    settle(panel, lambda _: run.over)
    assert ended == [run]
    return run


def count(kind):
    import slicer

    return slicer.mrmlScene.GetNumberOfNodesByClass(kind)


def test_every_volume_of_a_sequence_becomes_segments_of_another(jobs, sequence, mrml):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_batch import SequenceBatch
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    browser = mrml.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    batch = SequenceBatch(jobs, sequence, CPU, SegmentOutput())
    before = [count(kind) for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLTableNode", "vtkMRMLSegmentationNode")]
    run = finish(jobs.panel, batch.items())
    now = [count(kind) for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLTableNode", "vtkMRMLSegmentationNode")]
    assert now == before
    assert [answer.name for answer in run.answers] == ["phases 1: 0 s", "phases 2: 35 s", "phases 3: 70 s"]
    (failed,) = run.failed
    assert "NaN or infinite" in failed.remarks[0]
    assert run.answers[2].table["liver_ml"] > 500
    batch.finish()
    assert [batch.made.GetNthIndexValue(n) for n in range(batch.made.GetNumberOfDataNodes())] == ["0", "70"]
    assert browser.IsSynchronizedSequenceNode(batch.made)


def test_a_sequence_of_nothing_leaves_nothing(jobs, mrml):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_batch import SequenceBatch
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    tables = mrml.AddNewNodeByClass("vtkMRMLSequenceNode", "tables")
    tables.SetDataNodeAtValue(mrml.AddNewNodeByClass("vtkMRMLTableNode"), "0")
    batch = SequenceBatch(jobs, tables, CPU, SegmentOutput())
    run = finish(jobs.panel, batch.items())
    assert run.answers[0].remarks == ("“tables” holds no volume at 0 s: choose a sequence of CTs.",)
    batch.finish()
    assert count("vtkMRMLSequenceNode") == 1


def test_every_ct_of_a_folder_is_segmented_but_for_those_that_fail_or_are_there(jobs, tmp_path):
    from LiverTumorSegLib.apps.panel.mrml_batch import find_cases, folder_items

    source, output = tmp_path / "in", tmp_path / "in" / "out"
    save(source / "b.nii.gz", small_ct())
    save(source / "c.nii.gz", small_ct())
    (source / "a.nii.gz").write_bytes(b"rubbish")
    output.mkdir()
    (output / "c.seg.nrrd").write_text("mine")
    found = []
    find_cases(jobs.panel, source, output, lambda *answer: found.append(answer))
    settle(jobs.panel)
    ((cases, remarks),) = found
    assert [case["name"] for case in cases] == ["a", "b", "c"]
    assert remarks == []
    run = finish(jobs.panel, folder_items(jobs.panel, cases, output, CPU))
    assert [answer.table is None for answer in run.answers] == [True, False, True]
    assert "a.nii.gz" in run.answers[0].remarks[0]
    assert run.answers[2].remarks[0].startswith("c.seg.nrrd is there already")
    assert sorted(path.name for path in output.iterdir()) == ["b.seg.nrrd", "c.seg.nrrd"]
    assert (output / "c.seg.nrrd").read_text() == "mine"


def test_the_table_has_a_row_a_ct_and_is_saved_with_the_scene(mrml, tmp_path):  # noqa: F811
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_batch import HEADINGS, table_of

    measures = {"liver_ml": 1512.34567, "lesion_count": 3, "lesion_ml": 12.5}
    answers = [BatchAnswer("one", measures, ("Doubtful.", "Odd.")), BatchAnswer("two", None, ("It is damaged.",))]
    node = table_of(answers, "CTs")
    assert table_of(answers, "CTs").GetName() != node.GetName()
    assert [node.GetColumnName(n) for n in range(node.GetNumberOfColumns())] == list(HEADINGS)
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.ReadFromMRB(path)
    kept = slicer.util.getNode("CTs")
    cells = [[kept.GetCellText(row, column) for column in range(5)] for row in range(2)]
    assert cells[0] == ["one", "1512.35", "3", "12.5", "Doubtful. Odd."]
    assert cells[1][0] == "two"
    assert all(math.isnan(float(cell)) for cell in cells[1][1:4])
    assert cells[1][4] == "It is damaged."
