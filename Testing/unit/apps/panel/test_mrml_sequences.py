import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, labels, make_volume
from support.slicer_harness.fixtures import mrml  # noqa: F401

pytestmark = pytest.mark.usefixtures("mrml")


@pytest.fixture
def sequence(mrml):  # noqa: F811
    import slicer

    made = mrml.AddNewNodeByClass("vtkMRMLSequenceNode", "phases")
    made.SetIndexName("phase")
    made.SetIndexUnit("s")
    for second in ("0", "35", "70"):
        node = make_volume(GEOMETRIES["oblique"], np.full((4, 5, 6), int(second), np.int16))
        made.SetDataNodeAtValue(node, second)
        slicer.mrmlScene.RemoveNode(node)
    return made


def test_a_volume_of_a_sequence_is_in_the_scene_for_a_while(sequence):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_sequences import in_scene
    from LiverTumorSegLib.apps.panel.mrml_volumes import ijk_to_local

    with in_scene(sequence.GetNthDataNode(1), "phases 2") as node:
        assert slicer.mrmlScene.IsNodePresent(node)
        assert node.GetName() == "phases 2"
        assert (slicer.util.arrayFromVolume(node) == 35).all()
        assert np.allclose(ijk_to_local(node), GEOMETRIES["oblique"])
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert (slicer.util.arrayFromVolume(sequence.GetNthDataNode(1)) == 35).all()


def test_it_leaves_the_scene_also_after_an_error(sequence):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_sequences import in_scene

    with pytest.raises(KeyError), in_scene(sequence.GetNthDataNode(0), "x"):
        raise KeyError
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0


def test_what_was_found_plays_along(sequence, mrml):  # noqa: F811
    from LiverTumorSegLib.apps.panel import mrml_segmentations, mrml_sequences

    browser = mrml.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    made = mrml_sequences.create_beside(sequence)
    assert (made.GetIndexName(), made.GetIndexUnit()) == ("phase", "s")
    volume = make_volume(GEOMETRIES["oblique"])
    node = mrml_segmentations.create(volume)
    written = mrml_segmentations.write(labels(), volume, node)
    made.SetDataNodeAtValue(node, "35")
    mrml_sequences.play_along(made, sequence)
    assert browser.IsSynchronizedSequenceNode(made)
    kept = made.GetNthDataNode(0).GetSegmentation()
    assert list(kept.GetSegmentIDs()) == list(written)
