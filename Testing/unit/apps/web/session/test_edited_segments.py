import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume, transform, under
from support.mrml_cases import labels as numbered_labels
from support.web_scene import labels_in, result_of, web_app, web_views  # noqa: F401

from LiverTumorSegLib.core.errors import UserError

LABELS = np.minimum(numbered_labels(), 2)


@pytest.fixture
def segments(web_app):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.edited_segments import CorrectedSegments

    def make(geometry="plain", kind="none", labels=LABELS, **options):
        node = under(make_volume(GEOMETRIES[geometry]), transform(kind))
        return CorrectedSegments(result_of(labels, node, **options)[0])

    return make


@pytest.mark.parametrize(("geometry", "kind"), [("plain", "none"), ("sagittal", "nested"), ("sheared", "grid")])
def test_voxels_that_are_put_are_those_of_the_segments_again_and_again(segments, geometry, kind):
    from LiverTumorSegLib.apps.web.session.edited_segments import VoxelLabels

    corrected = segments(geometry, kind, one_each=True)
    random, expected = np.random.default_rng(0), LABELS.copy()
    for start in ((0, 0, 0), (5, 10, 22), (8, 20, 30)):
        box = tuple(slice(first, first + 9) for first in start)
        organ, lesion = random.random((9, 9, 9)) < 0.6, random.integers(0, 4, (9, 9, 9), np.uint16)
        lesion[lesion == 1] = 0  # the liver's number
        corrected.put(box, VoxelLabels(organ, lesion))
        expected[box] = np.where(lesion > 0, 2, organ)
        assert np.array_equal(labels_in(corrected.nodes), expected)
        assert np.array_equal(corrected.lesions, expected == 2)
    assert overlapping(corrected.nodes) == 0


def overlapping(nodes):
    import slicer

    held = [
        slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) for name in nodes.segments
    ]
    return int((np.sum([mask > 0 for mask in held], axis=0) > 1).sum())


def test_a_part_is_a_copy(segments):
    corrected = segments()
    box = (slice(0, 20), slice(0, 40), slice(0, 50))
    corrected.labels_of_box(box).organ[:] = False
    corrected.labels_of_box(box).lesion[:] = 0
    assert np.array_equal(corrected.labels_of_box(box).organ, LABELS > 0)
    assert np.array_equal(corrected.lesions, LABELS == 2)
    assert corrected.shape == SHAPE


def test_the_organ_goes_on_under_its_lesions_where_there_is_a_liver(segments):
    box = (slice(0, 20), slice(0, 40), slice(0, 50))
    assert np.array_equal(segments().labels_of_box(box).organ, LABELS > 0)
    assert not segments(labels=np.where(LABELS == 2, 2, 0).astype(np.uint8)).labels_of_box(box).organ.any()


def test_a_lesion_goes_to_the_only_segment_or_the_one_it_touches_or_a_new_one(segments):
    box = (slice(5, 10), slice(8, 16), slice(28, 34))
    touching, apart = np.zeros((2, 5, 8, 6), bool)
    touching[2, 4, 2] = True  # beside voxel 29, the last of the first lesion
    apart[2, 4, 3] = True
    assert segments().lesion_at(box, apart) == 2
    each = segments(one_each=True)
    assert each.lesion_at(box, touching) == 2
    assert each.lesion_at(box, apart) == 4
    assert each.nodes.segmentation.GetSegmentation().GetNthSegment(3).GetName() == "liver lesion 3"


def test_it_says_when_the_segments_are_gone(segments):
    import slicer

    corrected = segments()
    assert corrected.present
    slicer.mrmlScene.RemoveNode(corrected.nodes.segmentation)
    assert not corrected.present


def test_segments_that_moved_away_from_their_ct_are_refused(segments):
    corrected = segments()
    under(corrected.nodes.segmentation, transform("shifted"))
    with pytest.raises(UserError, match="does not move with"):
        type(corrected)(corrected.nodes)
