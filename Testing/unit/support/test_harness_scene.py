import numpy as np
import pytest
from support.slicer_harness import available

available.load("scene", qt=False)
mrml = available.load("fixtures", qt=False).mrml


def test_volumes_and_segments_work_without_qt(mrml):
    import slicer

    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volume = slicer.util.addVolumeFromArray(voxels, name="CT")
    segmentation = mrml.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment = segmentation.GetSegmentation().AddEmptySegment("liver", "Liver")
    mask = (voxels > 11).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, volume)
    found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume)
    assert np.array_equal(found, mask)


@pytest.mark.parametrize(
    "name",
    ["colors", "volumes", "segmentations", "subjecthierarchy", "markups", "tables", "sequences", "transforms"],
)
def test_modules_have_their_real_logic(mrml, name):
    import slicer

    assert getattr(slicer.modules, name).logic().GetMRMLScene() is mrml


def test_slices_stand_as_in_slicer_and_jump(mrml):
    import slicer

    slices = {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")}
    assert {name: node.GetOrientation() for name, node in slices.items()} == {
        "Red": "Axial",
        "Yellow": "Sagittal",
        "Green": "Coronal",
    }
    slicer.vtkMRMLSliceNode.JumpAllSlices(mrml, 10, 20, 30)
    where = {name: node.GetSliceToRAS().MultiplyPoint((0, 0, 0, 1)) for name, node in slices.items()}
    assert (where["Yellow"][0], where["Green"][1], where["Red"][2]) == pytest.approx((10, 20, 30))


def test_slice_layers_can_be_set(mrml):
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="CT")
    slicer.util.setSliceViewerLayers(background=volume)
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {node.GetBackgroundVolumeID() for node in composites} == {volume.GetID()}
    assert len(composites) == 3


def test_a_scene_survives_an_mrb(mrml, tmp_path):
    import slicer

    voxels = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    slicer.util.addVolumeFromArray(voxels, name="CT")
    path = str(tmp_path / "scene.mrb")
    assert mrml.WriteToMRB(path)
    mrml.Clear(0)
    assert mrml.ReadFromMRB(path)
    assert np.array_equal(slicer.util.array("CT"), voxels)


def test_booting_again_gives_a_clean_scene(mrml):
    import slicer
    from support.slicer_harness import scene

    slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="CT")
    scene.reset()
    assert slicer.mrmlScene is not mrml
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode") is None
    assert slicer.modules.volumes.logic().GetMRMLScene() is slicer.mrmlScene
