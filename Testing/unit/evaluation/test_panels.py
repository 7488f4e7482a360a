import base64
import io

import numpy as np
import pytest
from PIL import Image

from LiverTumorSegLib.evaluation.label_pair import LabelPair
from LiverTumorSegLib.evaluation.panels import FALSE_COLOUR, MISSED_COLOUR, case_pictures, choose_slices, side_by_side

GREEN, ORANGE = (144, 238, 144), (221, 130, 101)


def pair(spacing=(5.0, 1.0, 1.0), shape=(12, 60, 70)):
    """A liver without errors; a lesion in slice 2 missed, a larger one in slice 6 found, a false one in slice 9."""
    z, y, x = spacing
    reference = np.zeros(shape, np.uint8)
    reference[1:11, 10:50, 12:56] = 1
    prediction = reference.copy()
    reference[2, 20:26, 20:26] = 2
    reference[6, 20:30, 20:30] = prediction[6, 20:30, 20:30] = 2
    prediction[9, 30:34, 30:34] = 2
    return LabelPair(prediction, reference, np.diag([-x, -y, z, 1.0]))


def pixels(image):
    return np.asarray(image.convert("RGB"), int)


def near(image, colour, off=0):
    return np.abs(pixels(image) - colour).max(axis=-1) <= off


def test_the_slices_are_the_worst_and_the_one_with_most_lesion():
    found = choose_slices(pair())
    assert [(choice.slice, choice.structure) for choice in found] == [(2, "lesion"), (6, "lesion")]
    assert [choice.reason for choice in found] == [
        "most voxels of lesion differ",
        "largest area of lesion in the reference",
    ]


def test_where_the_liver_differs_its_worst_slice_is_shown_too():
    made = pair()
    made.prediction[10, 40:50] = 0
    assert [(choice.slice, choice.structure) for choice in choose_slices(made)][2] == (10, "liver")


def test_neighbouring_slices_are_not_shown_twice():
    made = pair(spacing=(2.0, 1.0, 1.0))
    assert [choice.slice for choice in choose_slices(made)] == [2]  # slice 6 is 8 mm from it


def test_without_errors_and_lesions_the_largest_liver_is_shown_and_nothing_without_a_liver():
    made = pair()
    made.reference[:] = made.prediction[:] = np.minimum(made.reference, 1)
    made.reference[4, 9, 12:56] = made.prediction[4, 9, 12:56] = 1
    assert [(choice.slice, choice.structure) for choice in choose_slices(made)] == [(4, "liver")]
    nothing = np.zeros((3, 4, 5), np.uint8)
    assert case_pictures("a", LabelPair(nothing, nothing, np.eye(4)), None) == []


def test_missed_and_false_have_their_colours_and_what_is_right_has_none():
    made = pair()
    assert near(side_by_side(made, None, 2, "lesion"), MISSED_COLOUR).sum() > 200
    assert not near(side_by_side(made, None, 2, "lesion"), FALSE_COLOUR).any()
    assert near(side_by_side(made, None, 9, "lesion"), FALSE_COLOUR).sum() > 100
    assert not near(side_by_side(made, None, 9, "lesion"), MISSED_COLOUR).any()
    right = side_by_side(made, None, 6, "lesion")
    assert not near(right, FALSE_COLOUR).any()
    assert not near(right, MISSED_COLOUR).any()


def test_the_slice_where_most_of_the_lesions_differs_comes_first():
    first = choose_slices(pair())[0]
    assert (first.slice, first.structure) == (2, "lesion")


def test_reference_stands_before_prediction():
    image = side_by_side(pair(), None, 2, "lesion")  # the lesion is in the reference alone
    columns = np.flatnonzero(near(image, GREEN).any(axis=0))
    assert columns.size
    assert columns.max() < image.width / 3
    assert np.flatnonzero(near(image, ORANGE).any(axis=0)).max() > image.width / 3


def test_with_an_image_there_is_one_panel_more_and_it_bears_no_marks():
    made = pair()
    image = np.full(made.reference.shape, 60, np.int16)
    with_image, without = side_by_side(made, image, 2, "lesion"), side_by_side(made, None, 2, "lesion")
    assert with_image.width == pytest.approx(without.width * 4 / 3, abs=10)
    first = pixels(with_image)[40:, : with_image.width // 4 - 4]
    assert (first.max(axis=-1) == first.min(axis=-1)).all()  # grey
    assert np.median(first) == pytest.approx(127, abs=1)


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_hounsfield_units_of_any_type_look_alike(kind):
    made = pair()
    image = np.linspace(-100, 200, made.reference.size).reshape(made.reference.shape).round()
    expected = pixels(side_by_side(made, image.astype(np.int16), 2, "lesion"))
    assert np.abs(pixels(side_by_side(made, image.astype(kind), 2, "lesion")) - expected).max() <= 1


def test_pixels_are_square_in_millimetres():
    made = pair(spacing=(5.0, 2.0, 1.0))
    lesion = near(side_by_side(made, None, 2, "lesion"), MISSED_COLOUR)
    height, width = (np.ptp(np.flatnonzero(lesion.any(axis=axis))) + 1 for axis in (1, 0))
    assert height == pytest.approx(2 * width, rel=0.1)  # six rows of 2 mm, six columns of 1 mm


def test_it_is_cropped_to_the_liver_with_a_margin():
    shape = (12, 400, 300)
    small, large = pair(), pair(shape=shape)  # the same liver in a corner of a large image
    wide, high = side_by_side(large, None, 2, "lesion"), side_by_side(small, None, 2, "lesion")
    assert near(wide, MISSED_COLOUR).sum() == pytest.approx(near(high, MISSED_COLOUR).sum(), rel=0.15)


def test_what_is_shown_travels_between_processes_and_is_small():
    made = pair()
    noise = np.random.default_rng(0).normal(60, 40, made.reference.shape).astype(np.int16)
    found = case_pictures("case 1", made, noise)
    assert {type(value) for one in found for value in vars(one).values()} == {str}
    assert [one.case for one in found] == ["case 1", "case 1"]
    assert found[0].caption == "axial slice 3 of 12: most voxels of lesion differ"
    assert sum(len(one.uri) for one in found) < 200_000
    content = base64.b64decode(found[0].uri.removeprefix("data:image/jpeg;base64,"))
    decoded = Image.open(io.BytesIO(content))
    assert near(decoded, MISSED_COLOUR, off=30).sum() > 200


def test_no_more_slices_than_asked_for():
    assert len(case_pictures("a", pair(), None, count=1)) == 1
