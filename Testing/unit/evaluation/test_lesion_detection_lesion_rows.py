import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation
from support.lesion_cases import case, line

from LiverTumorSegLib.evaluation.label_pair import LabelPair
from LiverTumorSegLib.evaluation.lesion_detection import REFERENCE, lesion_rows, size_class
from LiverTumorSegLib.evaluation.lesion_matching import match_lesions, separate_lesions


def rows(pair, above=0.5):
    reference = separate_lesions(pair.reference)
    matching = match_lesions(separate_lesions(pair.prediction), reference)
    return list(lesion_rows(REFERENCE, reference, matching.reference, matching.iou, above, pair))


@pytest.mark.parametrize(
    ("diameter", "expected"),
    [
        (9.99, "under_10_mm"),
        (10 - 1e-9, "10_to_20_mm"),  # 10 mm, as a turned grid has it
        (10, "10_to_20_mm"),
        (20, "10_to_20_mm"),
        (20 + 1e-9, "10_to_20_mm"),
        (20.01, "over_20_mm"),
    ],
)
def test_lesions_of_exactly_10_and_20_mm_are_in_the_middle(diameter, expected):
    assert size_class(diameter) == expected


@pytest.mark.parametrize(
    ("length", "size"), [(9, "under_10_mm"), (10, "10_to_20_mm"), (20, "10_to_20_mm"), (21, "over_20_mm")]
)
@pytest.mark.parametrize("angles", [(0, 0, 0), (20, -35, 70)])
def test_a_size_is_the_axial_diameter_from_edge_to_edge_however_the_grid_lies(length, size, angles):
    drawn = line("2" * length, "." * length, (2.5, 0.8, 1.0))
    affine = drawn.affine.copy()
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ affine[:3, :3]
    (row,) = rows(LabelPair(drawn.prediction, drawn.reference, affine))
    assert row.size == size
    assert row.diameter_mm == pytest.approx(length)
    assert row.volume_ml == pytest.approx(length * 2 / 1000)


def test_a_tall_lesion_is_as_large_as_its_largest_slice():
    reference = np.zeros((30, 4, 4), np.uint8)
    reference[:, 1, 1] = reference[7, 1, 1:3] = 2
    (row,) = rows(case(np.zeros_like(reference), reference, (3.0, 1.0, 1.5)))
    assert (row.diameter_mm, row.size) == (3, "under_10_mm")


def test_the_largest_comes_first_and_of_equals_the_first():
    found = rows(line("2.222.2", "......."))
    assert [row.number for row in found] == [1, 2, 3]
    assert [row.volume_ml for row in found] == pytest.approx([0.006, 0.002, 0.002])
    assert [row.centroid_mm for row in found] == [(-3, 0, 0), (0, 0, 0), (-6, 0, 0)]


def test_a_row_says_how_its_lesion_was_found():
    found = rows(line("22222.22.22", "2222....222"))
    told = [(row.found, row.touched, row.iou, row.group) for row in found]
    assert told == [(True, True, 0.8, 1), (False, False, 0, None), (True, True, pytest.approx(2 / 3), 2)]


def test_an_iou_of_the_threshold_is_not_above_it():
    (row,) = rows(line("22", "2."))
    assert (row.found, row.touched, row.iou, row.group) == (False, True, 0.5, 1)
    (row,) = rows(line("22", "2."), above=0.49)
    assert row.found


def test_the_centroid_is_the_centre_of_mass_in_the_patient():
    random = np.random.default_rng(4)
    reference = np.where(random.random((6, 9, 8)) < 0.6, 2, 0).astype(np.uint8)
    affine = np.eye(4)
    affine[:3] = random.normal(size=(3, 4))
    numbers, _ = ndimage.label(reference)
    row = rows(LabelPair(np.zeros_like(reference), reference, affine))[0]
    largest = np.bincount(numbers[numbers > 0]).argmax()
    at = ndimage.center_of_mass(numbers == largest)
    assert row.centroid_mm == pytest.approx((affine @ [*at[::-1], 1])[:3])
