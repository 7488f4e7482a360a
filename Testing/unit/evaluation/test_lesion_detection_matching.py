import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lesion_cases import groups, lesions, line, noise

from LiverTumorSegLib.evaluation.lesion_matching import match_lesions, separate_lesions


def matched(pair):
    return match_lesions(separate_lesions(pair.prediction), separate_lesions(pair.reference))


def test_lesions_are_numbered_by_their_first_voxel_and_hang_together_by_faces():
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, 3] = labels[0, 1, 0] = labels[1, 1, 0] = labels[1, 2, 1] = 2
    labels[0, 0, 0] = 1
    found = separate_lesions(labels)
    assert [found.numbers[at] for at in [(0, 0, 3), (0, 1, 0), (1, 1, 0), (1, 2, 1)]] == [1, 2, 2, 3]
    assert found.sizes.tolist() == [1, 2, 1]
    assert found.boxes[1] == (slice(0, 2), slice(1, 2), slice(0, 1))


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_an_array_in_memory_does_not_number_its_lesions(axes):
    labels, _ = noise(5)
    other = np.ascontiguousarray(labels.transpose(axes)).transpose(np.argsort(axes))
    assert np.array_equal(separate_lesions(labels).numbers, separate_lesions(other).numbers)
    assert np.array_equal(separate_lesions(labels).numbers, separate_lesions(labels[::-1].copy()[::-1]).numbers)


@pytest.mark.parametrize(
    ("reference", "prediction", "by_reference", "by_prediction", "ious"),
    [
        ("222..", "222..", [1], [1], [1]),
        ("22222", "22.22", [1], [1, 1], [4 / 5]),  # split
        ("22.22", "22222", [1, 1], [1], [4 / 5]),  # merged
        ("2222....", "....2222", [0], [0], []),  # neighbours
        ("22..22", "..22..", [0, 0], [0], []),
        ("22.....22", "222...222", [1, 2], [1, 2], [2 / 3, 2 / 3]),
        ("......", "22..22", [], [0, 0], []),
        ("22..22", "......", [0, 0], [], []),
        ("......", "......", [], [], []),
    ],
)
def test_groups_of_drawn_lesions(reference, prediction, by_reference, by_prediction, ious):
    matching = matched(line(reference, prediction))
    assert matching.reference.tolist() == by_reference
    assert matching.prediction.tolist() == by_prediction
    assert matching.iou.tolist() == pytest.approx(ious)


def test_a_chain_of_overlaps_is_no_one_group():
    # each reference lesion is covered most by another predicted lesion, though all of them hang together
    matching = matched(line("2222.22222.2222", "222222.22222.22"))
    assert matching.reference.tolist() == [1, 2, 3]
    assert matching.prediction.tolist() == [1, 2, 3]
    assert matching.iou.tolist() == pytest.approx([4 / 6, 3 / 7, 2 / 4])


def test_a_reference_lesion_loses_its_only_predicted_lesion_to_another_that_it_overlaps_more():
    # the first predicted lesion covers all of the first reference lesion, and more voxels of the second
    matching = matched(line("2.222222", "2222.222"))
    assert matching.reference.tolist() == [0, 1]
    assert matching.prediction.tolist() == [1, 1]
    assert (matching.shared.tolist(), matching.predicted.tolist(), matching.real.tolist()) == ([5], [7], [6])


def test_a_predicted_lesion_is_matched_by_all_that_it_overlaps_of_merged_lesions():
    # the top row shares 3 voxels with the left lesion, and 2 with each of the others, which are merged
    reference = drawn("222.22.22", "222.22.22", "222.22.22", "222.22.22")
    prediction = drawn("222222222", ".........", "222.22222", "222.22222")
    matching = match_lesions(separate_lesions(prediction), separate_lesions(reference))
    assert matching.reference.tolist() == [1, 2, 2]
    assert matching.prediction.tolist() == [2, 1, 2]
    assert matching.iou.tolist() == pytest.approx([6 / 12, 12 / 23])


def drawn(*rows):
    """One slice."""
    return np.array([[[2 * (letter == "2") for letter in row] for row in rows]], np.uint8)


def test_of_equal_overlaps_the_first_lesion_counts():
    # the middle reference lesion goes to the first predicted one, the second predicted one to the first group
    matching = matched(line("2.222.2", "222.222"))
    assert matching.reference.tolist() == [1, 1, 0]
    assert matching.prediction.tolist() == [1, 1]
    assert matching.iou.tolist() == pytest.approx([3 / 7])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_lesions_are_matched_as_by_sets_of_voxels(seed):
    prediction, reference = noise(seed)
    matching = match_lesions(separate_lesions(prediction), separate_lesions(reference))
    expected = groups(prediction, reference)
    assert len(matching.iou) == len(expected)
    for group, (mine, theirs, iou) in enumerate(expected, start=1):
        assert np.flatnonzero(matching.prediction == group).tolist() == mine
        assert np.flatnonzero(matching.reference == group).tolist() == theirs
        assert matching.iou[group - 1] == pytest.approx(iou, abs=1e-12)
    assert [len(lesion) for lesion in lesions(prediction)] == separate_lesions(prediction).sizes.tolist()


def test_thousands_of_lesions_are_matched():
    labels = np.zeros((20, 60, 60), np.uint8)
    labels[::2, ::2, ::2] = 2
    moved = labels.copy()
    moved[:, :30] = np.roll(labels[:, :30], 1, axis=2)  # beside, not on
    matching = match_lesions(separate_lesions(moved), separate_lesions(labels))
    assert len(matching.reference) == len(matching.prediction) == 9000
    assert np.count_nonzero(matching.reference) == np.count_nonzero(matching.prediction) == len(matching.iou) == 4500
    assert (matching.iou == 1).all()
