import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, labels, make_volume, transform, under
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.core.errors import UserError

pytestmark = pytest.mark.usefixtures("mrml")
BOX = (slice(1, 8), slice(2, 18), slice(6, 28))


@pytest.fixture(params=[*GEOMETRIES, "elsewhere"])
def boxes(request):
    """Segments of a result on every geometry, and below another transform than the volume's."""
    from LiverTumorSegLib.apps.panel import mrml_segmentations
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import SegmentBoxes

    volume = make_volume(GEOMETRIES.get(request.param, GEOMETRIES["oblique"]))
    segmentation = mrml_segmentations.create(volume)
    if request.param == "elsewhere":
        under(segmentation, transform("rotated"))
        segmentation.GetSegmentation().AddEmptySegment("there", "there")
        under(volume, transform("shifted"))
    mrml_segmentations.write(labels(), volume, segmentation, mrml_segmentations.SegmentOutput(one_each=True))
    return SegmentBoxes(segmentation, volume)


def names(boxes):
    segments = boxes.segmentation.GetSegmentation()
    return [name for name in segments.GetSegmentIDs() if name != "there"]


def by_slicer(boxes, name):
    import slicer

    if boxes.segmentation.GetTransformNodeID() != boxes.volume.GetTransformNodeID():
        return boxes.held(name, tuple(slice(0, size) for size in SHAPE))  # Slicer loses voxels at the border
    return slicer.util.arrayFromSegmentBinaryLabelmap(boxes.segmentation, name, boxes.volume) > 0


def written(volume, **how):
    from LiverTumorSegLib.apps.panel import mrml_segmentations

    node = mrml_segmentations.create(volume)
    return node, mrml_segmentations.write(labels(), volume, node, mrml_segmentations.SegmentOutput(**how))


def box_mask():
    return np.random.default_rng(2).random([side.stop - side.start for side in BOX]) > 0.5


def test_what_a_segment_holds_is_read_as_slicer_reads_it(boxes):
    whole = tuple(slice(0, size) for size in SHAPE)
    for value, name in enumerate(names(boxes), start=1):
        assert np.array_equal(boxes.held(name, whole), labels() == value)
        assert np.array_equal(boxes.held(name, BOX), (labels() == value)[BOX])
        reach = boxes.reach(name)
        assert np.array_equal(boxes.held(name, reach), (labels() == value)[reach])
        assert boxes.held(name, reach).sum() == (labels() == value).sum()
    assert not boxes.held("gone", BOX).any()
    assert boxes.held("gone", boxes.reach("gone")).size == 0


def test_voxels_come_and_go_also_beyond_what_was_there(boxes):
    liver, first, second = names(boxes)
    mask = box_mask() & ~(labels()[BOX] == 3)
    boxes.add(first, BOX, mask, over=[liver])
    wanted = labels() == 2
    wanted[BOX] |= mask
    assert np.array_equal(by_slicer(boxes, first), wanted)
    assert np.array_equal(by_slicer(boxes, liver), (labels() == 1) & ~wanted)
    assert np.array_equal(by_slicer(boxes, second), labels() == 3)
    boxes.take(first, BOX, mask)
    wanted[BOX] &= ~mask
    assert np.array_equal(by_slicer(boxes, first), wanted)
    assert np.array_equal(by_slicer(boxes, second), labels() == 3)


def test_voxels_of_another_segment_in_the_same_image_are_never_lost(boxes):
    _liver, first, second = names(boxes)
    everything = np.ones(SHAPE, bool)
    whole = tuple(slice(0, size) for size in SHAPE)
    boxes.add(first, whole, everything)
    assert by_slicer(boxes, first).all()
    assert np.array_equal(by_slicer(boxes, second), labels() == 3)


def test_views_are_told_of_the_change(boxes):
    heard = []
    segmentation = boxes.segmentation.GetSegmentation()
    segmentation.AddObserver(segmentation.SourceRepresentationModified, lambda *_: heard.append(True))
    boxes.take(names(boxes)[1], BOX, np.ones_like(box_mask()))
    assert heard


def test_a_segment_that_was_painted_on_another_grid_is_left_alone(boxes):
    import slicer

    segments = boxes.segmentation.GetSegmentation()
    mine = segments.AddEmptySegment("mine", "mine")
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[4:9, 10:20, 12:22] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, boxes.segmentation, mine, boxes.volume)
    moved = slicer.vtkOrientedImageData()
    moved.DeepCopy(segments.GetSegment(mine).GetRepresentation("Binary labelmap"))
    moved.SetOrigin(*(at + 0.4 for at in moved.GetOrigin()))
    segments.GetSegment(mine).AddRepresentation("Binary labelmap", moved)
    before = by_slicer(boxes, mine)
    assert np.array_equal(boxes.held(mine, BOX), before[BOX])
    with pytest.raises(UserError, match="“mine” was painted on another grid"):
        boxes.add(mine, BOX, np.ones_like(box_mask()))
    assert np.array_equal(by_slicer(boxes, mine), before)


def test_corrected_segments_are_read_back():
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    volume = under(make_volume(GEOMETRIES["oblique"]), transform("rotated"))
    node, made = written(volume, one_each=True)
    found, owners = labels_of(node, volume, made)
    assert np.array_equal(found, labels().clip(0, 2))
    assert np.array_equal(owners, labels())
    node.GetSegmentation().RemoveSegment(list(made)[2])
    more = np.zeros(labels().shape, np.uint8)
    more[4, 6:9, 12:20] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(more, node, list(made)[1], volume)
    expected = np.where(labels() == 1, 1, 0)
    expected[more > 0] = 2
    found, owners = labels_of(node, volume, made)
    assert np.array_equal(found, expected)
    assert (owners[more > 0] == 2).all()


def test_segments_that_are_all_gone_are_one_sentence():
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    volume = make_volume(GEOMETRIES["plain"])
    node, made = written(volume)
    node.GetSegmentation().RemoveAllSegments()
    with pytest.raises(UserError, match="holds no segment of this result any more"):
        labels_of(node, volume, made)


@pytest.mark.parametrize("kind", ["grid", "another grid", "surfaces alone"])
def test_labels_of_segments_on_no_grid_of_the_ct_are_those_of_slicers_own_export(kind):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of
    from LiverTumorSegLib.apps.panel.mrml_segmentations import LABELMAP

    volume = make_volume(GEOMETRIES["oblique"])
    node, made = written(make_volume(GEOMETRIES["plain"]) if kind == "another grid" else volume)
    if kind == "grid":
        under(node, transform("grid"))
    if kind == "surfaces alone":
        node.CreateClosedSurfaceRepresentation()
        node.GetSegmentation().SetSourceRepresentationName("Closed surface")
        node.GetSegmentation().RemoveRepresentation(LABELMAP)
    found, _ = labels_of(node, volume, made)
    wanted = np.zeros(SHAPE, np.uint8)
    for name, label in made.items():
        wanted[slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume) > 0] = label
    assert np.array_equal(found, wanted)
    assert set(np.unique(found)) == {0, 1, 2}
