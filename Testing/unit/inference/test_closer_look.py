import numpy as np
import pytest
import torch

from LiverTumorSegLib.inference.closer_look import FirstLook, LiverPlace
from LiverTumorSegLib.inference.label_assembly import Axis, Span
from LiverTumorSegLib.models.description import Head

SPACING = (3.0, 1.0, 1.5)
MARGIN = (4, 12, 8)
"""Voxels of the twelve millimetres around the liver."""


def place_of(labels, view=None, slices=None):
    view = np.full(labels.shape, 90, np.int16) if view is None else view
    spans = tuple(Span(0, size, Axis(size, 1.0)) for size in labels.shape[1:])
    return LiverPlace.of(labels, slices or range(len(labels)), spans, view, SPACING)


def liver():
    labels = np.zeros((30, 80, 90), np.uint8)
    labels[10:16, 30:40, 40:60] = 1
    labels[16:20, 30:50, 40:45] = 1
    return labels


def test_the_box_holds_the_liver_with_a_margin():
    assert place_of(liver()).box == (slice(6, 24), slice(18, 62), slice(32, 68))


def test_what_holds_a_part_is_as_narrow_as_its_slices_are():
    place = place_of(liver())
    assert place.parts == [range(4), range(4, 8), range(8, 12), range(12, 16), range(16, 18)]
    assert place.holding(range(2)) == (slice(18, 52), slice(32, 68))
    assert place.holding(range(16, 18)) == (slice(18, 62), slice(32, 53))


def test_where_the_liver_is_near_a_border_the_box_ends_there():
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[0, 2, 17] = 1
    assert place_of(labels).box == (slice(0, 5), slice(0, 15), slice(9, 20))


def test_the_largest_part_counts():
    labels = liver()
    labels[0, 70:75, 80:85] = 1
    assert place_of(labels).box == place_of(liver()).box


def test_the_median_is_that_of_liver_without_lesions():
    labels, view = liver(), np.full((30, 80, 90), -50, np.int16)
    view[labels == 1] = 110
    labels[12, 30:40, 40:60] = 2
    view[labels == 2] = 40
    assert place_of(labels, view).median == 110
    assert place_of((labels == 2).astype(np.uint8) * 2, view).median == 40


def test_nothing_that_is_marked_has_no_place():
    assert place_of(np.zeros((3, 8, 8), np.uint8)) is None


def test_what_is_too_small_for_a_liver_has_no_place():
    labels, ml = liver(), (6 * 10 * 20 + 4 * 20 * 5) * 3.0 * 1.0 * 1.5 / 1000
    spans = tuple(Span(0, size, Axis(2 * size, 2.0)) for size in labels.shape[1:])
    view = np.zeros((30, 160, 180), np.int16)
    for smallest, found in ((4 * ml - 0.01, True), (4 * ml + 0.01, False)):
        assert (LiverPlace.of(labels, range(30), spans, view, SPACING, smallest) is not None) == found


def test_coarser_pixels_are_put_into_their_place_in_the_ct():
    labels = np.zeros((4, 10, 10), np.uint8)
    labels[1, 4, 5] = 1  # of pixels as large as three voxels, the first of which begins at the tenth
    spans = Span(10, 20, Axis(90, 3.0)), Span(0, 10, Axis(90, 3.0))
    view = np.zeros((30, 90, 90), np.int16)
    view[6, 43, 16] = 77
    place = LiverPlace.of(labels, range(5, 9), spans, view, (30.0, 1.0, 1.0))
    assert place.box == (slice(5, 8), slice(42 - 12, 45 + 12), slice(15 - 12, 18 + 12))
    assert place.median == 77


def first_look(over):
    spans = tuple(Span(0, size, Axis(2 * size, 2.0)) for size in over.shape[2:])
    return FirstLook(over.half(), range(3, 3 + len(over)), *spans, Head((1, 2)))


def test_labels_are_those_of_the_largest_logit():
    over = torch.tensor([[-1.0, 2.0, 3.0], [-2.0, 1.0, 4.0]]).reshape(1, 2, 1, 3)
    assert first_look(over).labels().tolist() == [[[0, 1, 2]]]


def test_logits_are_interpolated_between_pixels_and_repeat_beyond_them():
    over = torch.arange(8.0).reshape(2, 1, 2, 2)
    found = first_look(over).on([4], np.array([1.0, 2.0, 3.0, 9.0]), np.array([1.0, 2.5]))
    assert found.shape == (1, 1, 4, 2)
    assert found[0, 0].tolist() == [[4.0, 4.75], [5.0, 5.75], [6.0, 6.75], [6.0, 6.75]]


@pytest.mark.parametrize(("begin", "end"), [(0, 90), (3, 4), (7, 31)])
def test_the_pixels_that_cover_voxels_hold_them(begin, end):
    span = Axis(90, 1.25, 0.0).covering(begin, end)
    low, high = span.edge(np.array([0.0, span.stop - span.start]))
    assert begin - 1.25 < low <= begin
    assert end <= high < end + 1.25
