import numpy as np
import pytest
from support.module_case import MODULE, add_ct, harness, lasting_worker  # noqa: F401

from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled
from LiverTumorSegLib.io.nifti import write_volume

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def logic(harness):  # noqa: F811
    logic = harness.load_module(MODULE).LiverTumorSegLogic()
    yield logic
    logic.close()


CPU = PanelSettings(device="cpu")


def test_a_script_segments_a_node_a_region_and_a_sequence_with_one_worker(logic, small_phantom):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    node = add_ct(small_phantom.volume)
    nodes = logic.segment(node, settings=CPU, output=SegmentOutput(one_each=True), surface=False)
    assert nodes.facts["liver_ml"] > 500
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 1 + nodes.facts["lesion_count"]
    child = logic.panel.worker._run.child

    again = logic.segment(node, nodes.segmentation, settings=CPU, output=SegmentOutput(replace=True))
    assert again.segmentation is nodes.segmentation
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 2

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "phases")
    for second in ("0", "35"):
        sequence.SetDataNodeAtValue(node, second)
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    made = logic.segmentSequence(sequence, settings=CPU)
    assert made.GetNumberOfDataNodes() == 2
    assert made.GetNthIndexValue(1) == "35"
    assert list(made.GetNthDataNode(1).GetSegmentation().GetSegmentIDs()) == ["liver", "liver-lesion"]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == before
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert logic.panel.worker._run.child is child


def test_every_ct_of_a_folder_is_segmented_and_what_fails_is_said(logic, small_phantom, tmp_path):
    (tmp_path / "in").mkdir()
    write_volume(tmp_path / "in" / "one.nii.gz", small_phantom.volume)
    (tmp_path / "in" / "two.nii.gz").write_bytes(b"rubbish")
    (tmp_path / "in" / ".hidden").write_text("")
    found = logic.segmentFolder(tmp_path / "in", tmp_path / "in" / "out", CPU)
    assert set(found) == {"one.nii.gz", "two.nii.gz"}
    assert found["one.nii.gz"]["liver_ml"] > 500
    assert "two.nii.gz" in found["two.nii.gz"]
    assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == ["one.seg.nrrd"]
    again = logic.segmentFolder(tmp_path / "in", tmp_path / "in" / "out", CPU)
    assert "exists already" in again["one.nii.gz"]


def test_an_error_is_raised_as_its_sentence(logic, small_phantom):
    import slicer

    with pytest.raises(UserError, match="no model “none”"):
        logic.segment(add_ct(small_phantom.volume), settings=PanelSettings(model="none"))
    with pytest.raises(UserError, match="NaN or infinite"):
        logic.segment(slicer.util.addVolumeFromArray(np.full((4, 5, 6), np.nan)))


def test_a_cancel_is_raised(logic, small_phantom):
    logic.jobs.segment.__self__.panel.changed.append(lambda: logic.panel.fraction > 0 and logic.panel.cancel())
    with pytest.raises(Cancelled):
        logic.segment(add_ct(small_phantom.volume), settings=CPU)


def test_missing_packages_are_named(harness, small_phantom, tmp_path):  # noqa: F811
    (tmp_path / "requirements.txt").write_text("no-such-package>=1\n")
    logic = harness.load_module(MODULE).LiverTumorSegLogic(tmp_path / "requirements.txt")
    with pytest.raises(UserError, match=r"Packages are missing \(no-such-package>=1\)"):
        logic.segment(add_ct(small_phantom.volume))
