import json
import zlib

import numpy as np
import pytest
from support.volumes import reordered

from LiverTumorSegLib.core.boxed import Boxed, unpacked
from LiverTumorSegLib.core.volume import Volume

SHAPE = (20, 20, 20)
ENDS, TEXT = Boxed((slice(0, 1), slice(0, 1), slice(0, 3)), np.array([[[True, False, True]]])).packed()


@pytest.fixture
def mask():
    whole = np.zeros(SHAPE, bool)
    whole[5:10, 5:10, 2:8] = np.random.default_rng(1).random((5, 5, 6)) > 0.3
    return whole


def test_the_part_of_an_array_in_another_box_is_zero_beyond_it(mask):
    for box in ((slice(0, 7), slice(8, 20), slice(0, 20)), (slice(15, 20), slice(0, 3), slice(0, 3))):
        np.testing.assert_array_equal(Boxed.around(mask).inside(box), mask[box])
    assert Boxed.around(np.zeros(SHAPE, bool)) is None


def test_a_part_says_which_voxels_it_holds_and_is_trimmed_to_them(mask):
    part = Boxed((slice(3, 12), slice(0, 20), slice(1, 9)), mask[3:12, :, 1:9])
    np.testing.assert_array_equal(part.whole(SHAPE), mask)
    assert part.trimmed.box == Boxed.around(mask).box
    assert Boxed(part.box, np.zeros_like(part.values)).trimmed is None
    i, j, k = part.voxel
    assert mask[k, j, i]
    assert all(part.holds((i, j, k)) == mask[k, j, i] for k in range(20) for j in (6, 15) for i in range(0, 20, 3))


@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True)])
def test_a_part_goes_to_the_axial_view_and_back(mask, flips):
    volume = reordered(Volume(mask.astype(np.int16), np.diag([-1.0, -1.0, 1.0, 1.0])), (1, 2, 0), flips)
    part = Boxed.around(volume.voxels > 0)
    seen = part.seen(volume)
    np.testing.assert_array_equal(volume.axial.of(volume.voxels > 0)[seen.box], seen.values)
    assert seen.back(volume).box == part.box


def test_a_mask_is_packed_for_json_and_back(mask):
    part = Boxed.around(mask)
    box, values = unpacked(json.loads(json.dumps(part.packed())), SHAPE)
    assert box == part.box
    np.testing.assert_array_equal(values, part.values)


@pytest.mark.parametrize(
    "content",
    [
        [[0, 1, 0, 1, 18, 21], TEXT],
        [[0, 1, 0, 1, 3, 0], TEXT],
        [[0, 1, 0, 1], TEXT],
        [[0, 9, 0, 9, 0, 9], TEXT],
        [ENDS, "????"],
        [ENDS, TEXT[:4]],
        [ENDS],
        [None, TEXT],
        [ENDS, Boxed((slice(0, 1), slice(0, 1), slice(0, 3)), np.zeros((1, 1, 3), bool)).packed()[1]],
    ],
)
def test_what_is_damaged_or_of_another_array_is_refused(content):
    assert unpacked([ENDS, TEXT], SHAPE).values.tolist() == [[[True, False, True]]]
    with pytest.raises((TypeError, ValueError, zlib.error)):
        unpacked(content, SHAPE)
