import numpy as np
import pytest
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from LiverTumorSegLib.core.label_layers import LabelLayer
from LiverTumorSegLib.core.labels import SEGMENTS
from LiverTumorSegLib.core.structures import STRUCTURES
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


def array_of(image):
    """Voxels of an image ``[k, j, i]``."""
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tuple(reversed(image.GetDimensions())))


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
    node, labels, volume = opened
    image = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    assert np.array_equal(array_of(image), labels)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    assert np.array(slicer.util.arrayFromVTKMatrix(matrix)) == pytest.approx(volume.affine, abs=1e-4)


@pytest.fixture
def overlapping(ct):
    """Labels, and layers that lie over them and over each other."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, ct.voxels.shape).astype(np.uint8)
    vessels = random.integers(0, 2, ct.voxels.shape).astype(np.uint8) * 3
    couinaud = random.integers(11, 19, ct.voxels.shape).astype(np.uint8)
    names = [["liver_vessels"], [f"liver_segment_{number}" for number in range(1, 9)]]
    layers = [
        LabelLayer(values, tuple(STRUCTURES[name] for name in own))
        for values, own in zip((vessels, couinaud), names, strict=True)
    ]
    return labels, layers


def test_slicer_finds_other_structures_in_layers_of_their_own_with_their_terms(scene, overlapping, tmp_path, ct):
    labels, layers = overlapping
    volumes.write_labels(tmp_path / "liver.seg.nrrd", labels, ct, layers=layers)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.AddDefaultStorageNode(str(tmp_path / "liver.seg.nrrd"))
    assert node.GetStorageNode().ReadData(node)
    segmentation = node.GetSegmentation()
    expected = [(each, labels) for each in SEGMENTS]
    expected += [(each, layer.labels) for layer in layers for each in layer.segments]
    assert segmentation.GetNumberOfSegments() == len(expected) == 11
    assert segmentation.GetNumberOfLayers() == 3
    for number, (segment, values) in enumerate(expected):
        read = segmentation.GetNthSegment(number)
        assert (read.GetName(), read.GetLabelValue()) == (segment.name, segment.label)
        assert f"~SCT^{segment.kind[0]}^{segment.kind[1]}~" in read.GetTerminology()
        image = read.GetRepresentation("Binary labelmap")
        assert np.array_equal(array_of(image) == segment.label, values == segment.label)
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        assert np.array(slicer.util.arrayFromVTKMatrix(matrix)) == pytest.approx(ct.affine, abs=1e-9)


def test_slicer_writes_what_is_read_here(scene, overlapping, tmp_path, ct):
    """Slicer's own file of the same segments, cut to what is marked as it writes it."""
    labels, layers = overlapping
    labels[0], labels[-1] = 2, 1
    volumes.write_labels(tmp_path / "ours.seg.nrrd", labels, ct, layers=layers)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.AddDefaultStorageNode(str(tmp_path / "ours.seg.nrrd"))
    assert node.GetStorageNode().ReadData(node)
    node.GetStorageNode().SetFileName(str(tmp_path / "theirs.seg.nrrd"))
    assert node.GetStorageNode().WriteData(node)
    for name in ("ours", "theirs"):
        found = volumes.read_stored(tmp_path / f"{name}.seg.nrrd")
        assert np.array_equal(found.values, labels)
        assert found.affine == pytest.approx(ct.affine, abs=1e-9)
        assert "which were left out" in found.warnings[-1]
