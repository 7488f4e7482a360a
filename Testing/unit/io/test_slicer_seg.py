import numpy as np
import pytest
import vtk

from LiverTumorSegLib.core.labels import SEGMENTS
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import volumes

slicer = pytest.importorskip("slicer", reason="needs slicer-core, Slicer's own MRML: pip install slicer-core")


@pytest.fixture(scope="module")
def scene():
    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
    segmentations.SetMRMLScene(scene)
    yield scene
    scene.Clear(1)


@pytest.fixture
def opened(scene, tmp_path, ct):
    """Labels written here and read by Slicer's own storage node."""
    labels = np.random.default_rng(0).integers(0, 3, ct.voxels.shape).astype(np.uint8)
    affine = ct.affine.copy()
    affine[0, 1] = 0.2
    volume = Volume(ct.voxels, affine)
    volumes.write_labels(tmp_path / "liver.seg.nrrd", labels, volume)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.AddDefaultStorageNode(str(tmp_path / "liver.seg.nrrd"))
    assert node.GetStorageNode().ReadData(node)
    return node, labels, volume


def test_slicer_finds_names_colours_and_terms(opened):
    segmentation = opened[0].GetSegmentation()
    assert segmentation.GetNumberOfSegments() == len(SEGMENTS)
    for number, segment in enumerate(SEGMENTS):
        read = segmentation.GetNthSegment(number)
        assert read.GetName() == segment.name
        assert np.rint(np.multiply(read.GetColor(), 255)).tolist() == list(segment.rgb)
        assert read.GetLabelValue() == segment.label
    liver, lesion = (segmentation.GetNthSegment(number).GetTerminology() for number in range(2))
    assert "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~" in liver
    assert "~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~" in lesion
    assert "~SCT^10200004^Liver~" in lesion


def test_slicer_finds_the_voxels_in_their_place(opened):
    from vtk.util.numpy_support import vtk_to_numpy

    node, labels, volume = opened
    image = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    shape = tuple(reversed(image.GetDimensions()))
    assert np.array_equal(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape), labels)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    assert np.array(slicer.util.arrayFromVTKMatrix(matrix)) == pytest.approx(volume.affine, abs=1e-4)
