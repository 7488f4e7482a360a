import numpy as np
import pytest
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.region import REGION_WARNING, segment_region
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.postprocessing.settings import Postprocessing


@pytest.fixture
def inside(ct):
    inside = np.zeros(ct.voxels.shape, bool)
    inside[4:7, 3:9, 10:20] = True
    return inside


def test_a_region_has_the_labels_of_the_whole_there_and_none_elsewhere(ct, random_model, inside):
    whole = segment(ct, random_model, "cpu", options=SegmentationOptions(coarse_pass=False))
    part = segment_region(ct, random_model, inside, "cpu", options=SegmentationOptions(coarse_pass=False))
    assert part.labels.shape == ct.voxels.shape
    assert not part.labels[~inside].any()
    assert part.labels.any()
    assert np.array_equal(part.labels, np.where(inside, whole.labels, 0))  # 20 mm around are all it looks at
    assert part.notes[-1] == REGION_WARNING
    assert part.region
    assert not whole.region


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_order_of_the_file_does_not_matter(ct, thresholds, inside, axes):
    expected = segment_region(ct, thresholds, inside, "cpu").labels
    other = reordered(ct, axes, (True, False, True))
    turned = reordered(Volume(inside.astype(np.int16), ct.affine), axes, (True, False, True)).voxels > 0
    found = segment_region(other, thresholds, turned, "cpu").labels
    assert np.array_equal(
        found, reordered(Volume(expected.astype(np.int16), ct.affine), axes, (True, False, True)).voxels
    )


def test_only_the_slices_around_are_looked_at(ct, thresholds, inside):
    tall = Volume(np.repeat(ct.voxels, 8, axis=0), ct.affine)
    held = np.zeros(tall.voxels.shape, bool)
    held[40:43] = True
    told = []
    segment_region(
        tall, thresholds, held, "cpu", lambda f, s: told.append(s), options=SegmentationOptions(coarse_pass=False)
    )
    assert any(sentence.endswith("of 19") for sentence in told)  # 3 and twice 20 mm of 2.5 mm


def test_how_small_a_liver_may_be_is_not_asked_of_a_part(ct, thresholds, inside):
    options = SegmentationOptions(postprocessing=Postprocessing(smallest_liver_ml=5000))
    assert segment_region(ct, thresholds, inside, "cpu", options=options).labels.any()


def test_probabilities_are_not_kept_of_a_region(ct, thresholds, inside):
    assert (
        segment_region(ct, thresholds, inside, "cpu", options=SegmentationOptions(probabilities=True)).probabilities
        == {}
    )
