import numpy as np

from LiverTumorSegLib.core.boxed import Boxed
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.clicks.editing import ball, lesion_under, with_base, without_others

SHAPE = (20, 20, 20)
SPACING = (1.0, 1.0, 1.0)
EVERYTHING = (slice(0, 20),) * 3


def block(*sides):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def boxed(*sides):
    return Boxed.around(block(*sides))


def after(answer, base, outside=()):
    """The lesion in the whole array."""
    return with_base(answer, base, outside, SPACING).inside(EVERYTHING)


LEFT, RIGHT = ((5, 10), (5, 10), (2, 8)), ((5, 10), (5, 10), (12, 18))


def test_nothing_of_the_base_is_lost_without_a_click_there():
    np.testing.assert_array_equal(after(boxed(*LEFT), boxed(*RIGHT)), block(*LEFT) | block(*RIGHT))


def test_a_click_outside_takes_the_piece_away_that_it_lies_in_and_no_other():
    base = Boxed(EVERYTHING, block(*LEFT) | block(*RIGHT))
    answer = boxed((6, 9), (6, 9), (9, 11))
    assert (after(answer, base, [(7.0, 7.0, 14.0)]) == (block(*LEFT) | answer.inside(EVERYTHING))).all()


def test_a_click_outside_takes_nothing_away_that_the_network_keeps():
    base = boxed((5, 10), (5, 10), (2, 18))
    found = after(boxed((5, 10), (5, 10), (2, 15)), base, [(7.0, 7.0, 17.0)])
    np.testing.assert_array_equal(found, block((5, 10), (5, 10), (2, 15)))


def test_a_click_that_only_nearly_touches_a_piece_takes_it_away_and_one_beside_it_does_not():
    base, answer = boxed(*RIGHT), boxed(*LEFT)
    assert not after(answer, base, [(7.0, 7.0, 18.4)])[block(*RIGHT)].any()
    assert after(answer, base, [(7.0, 7.0, 19.9)])[block(*RIGHT)].all()


def test_a_ball_holds_its_own_voxel_however_thick_slices_are_and_nothing_beyond_the_box():
    box = (slice(2, 6), slice(0, 20), slice(0, 20))
    near = ball(box, (3 * 5.0, 10.4, 10.0), (5.0, 1.0, 1.0), 1.5)
    assert near[1, 10, 10]
    assert near.any(axis=(1, 2)).tolist() == [False, True, False, False]
    assert not ball(box, (50.0, 10.0, 10.0), (5.0, 1.0, 1.0), 1.5).any()


def test_voxels_of_other_lesions_stay_theirs_and_those_of_the_base_are_no_others():
    labels = np.zeros(SHAPE, np.uint8)
    labels[block(*LEFT)], labels[block(*RIGHT)] = 2, 255
    box = (slice(5, 10), slice(5, 10), slice(4, 16))
    everywhere = np.ones((5, 5, 12), bool)
    alone = without_others(everywhere, box, labels, None)
    np.testing.assert_array_equal(alone, (labels == 0)[box])
    improved = without_others(everywhere, box, labels, block(*LEFT))
    np.testing.assert_array_equal(improved, (labels != 255)[box])


def test_the_lesion_under_a_click_is_the_connected_part_of_its_label():
    volume = Volume(np.zeros(SHAPE, np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]))
    labels = np.ones(SHAPE, np.uint8)
    labels[block(*LEFT)] = labels[block(*RIGHT)] = 2
    np.testing.assert_array_equal(lesion_under(volume, labels, (-13.0, -6.0, 6.0)), block(*RIGHT))
    assert lesion_under(volume, labels, (-10.0, -6.0, 6.0)) is None
    assert lesion_under(volume, labels, (-100.0, -6.0, 6.0)) is None
