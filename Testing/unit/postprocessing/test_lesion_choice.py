import json
from dataclasses import replace

import numpy as np
import pytest
from support.lesion_scores import POINTS

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.postprocessing import lesion_choice
from LiverTumorSegLib.postprocessing.candidates import MEASURES, FoundCandidates, SegmentedCT, find_candidates
from LiverTumorSegLib.postprocessing.lesion_choice import LesionChoice

SHAPE = (4, 6, 8)


@pytest.fixture
def numbers():
    """A sure candidate, a likely one and one that hardly is, in a box that leaves a border."""
    made = np.zeros(SHAPE, np.int32)
    made[1, 1:3, 1:3], made[2, 3:5, 1:3], made[1:3, 1:3, 5:7] = 1, 2, 3
    return made


def choice_of(numbers, affine=None):
    volume = Volume(np.zeros(SHAPE, np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]) if affine is None else affine)
    seen = volume.axial.of(numbers)[1:3, 1:5, 1:7]
    found = FoundCandidates(
        (slice(1, 3), slice(1, 5), slice(1, 7)), seen, np.array([1, 1, 0], np.uint8), np.zeros((3, len(MEASURES)))
    )
    return LesionChoice.of(found, volume, np.array([0.95, 0.7, 0.3]), POINTS)


def chosen(choice, sensitivity, labels=None):
    labels = np.ones(SHAPE, np.uint8) if labels is None else labels
    choice.choose(labels, sensitivity)
    return labels


def moved(choice, labels, before, sensitivity):
    """Move the slider: what is left to choose from."""
    left = choice.unpainted(labels, before)
    left.choose(labels, sensitivity)
    return left


def test_more_candidates_are_lesions_the_more_false_ones_are_put_up_with(numbers):
    choice = choice_of(numbers)
    for sensitivity, taken, last in ((0, (1,), 0), (1, (1, 2), 0), (5, (1, 2, 3), 2)):
        labels = chosen(choice, sensitivity)
        assert np.array_equal(labels == 2, np.isin(numbers, taken))
        assert (labels[numbers == 3] == last).all()


@pytest.mark.parametrize("signs", [(-1, -1, 1), (1, 1, -1)])
def test_where_nothing_was_found_there_is_nothing_to_choose(signs):
    volume = Volume(np.zeros(SHAPE, np.int16), np.diag([*map(float, signs), 1.0]))
    nothing = np.zeros(SHAPE, np.uint8)
    found = find_candidates(nothing, SegmentedCT(volume.voxels, (1.0, 1.0, 1.0), nothing, 0.001), 0.05)
    choice = LesionChoice.of(found, volume, np.zeros(0), POINTS)
    assert (choice.voxels.size, choice.shape) == (0, SHAPE)
    assert np.array_equal(chosen(choice, 5, nothing.copy()), nothing)


def test_going_back_and_forth_gives_the_same(numbers):
    choice = choice_of(numbers)
    labels = chosen(choice, 1)
    kept = labels.copy()
    for before, sensitivity in ((1, 5), (5, 0), (0, 1)):
        moved(choice, labels, before, sensitivity)
    assert np.array_equal(labels, kept)


def test_what_was_painted_stays_on_the_way_out_and_back(numbers):
    choice = choice_of(numbers)
    labels = chosen(choice, 1)
    labels[1, 1, 1] = 1  # wiped out of a lesion
    labels[1, 1, 5] = 2  # painted over a candidate that was not taken
    labels[3, 5, 7] = 2  # painted elsewhere
    for before, sensitivity in ((1, 5), (5, 0), (0, 5), (5, 1)):
        choice = moved(choice, labels, before, sensitivity)
        assert (labels[1, 1, 1], labels[1, 1, 5], labels[3, 5, 7]) == (1, 2, 2)


def test_a_false_lesion_that_was_wiped_out_does_not_come_back(numbers):
    choice = choice_of(numbers)
    labels = chosen(choice, 5)
    labels[numbers == 3] = 1
    for before, sensitivity in ((5, 0), (0, 5)):
        choice = moved(choice, labels, before, sensitivity)
    assert not (labels[numbers == 3] == 2).any()
    assert (labels[numbers == 2] == 2).all()


def test_voxels_are_found_in_any_orientation(numbers):
    turned = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    straight, other = choice_of(numbers), choice_of(numbers.copy(), np.diag([1.0, -1.0, 1.0, 1.0]))
    assert len(straight.voxels) == len(other.voxels) == np.count_nonzero(numbers)
    shape = Volume(np.zeros(SHAPE, np.int16), turned).axial.of(np.zeros(SHAPE)).shape
    assert sorted(shape) == sorted(SHAPE)
    flipped = chosen(other, 0)[:, :, ::-1]
    assert np.count_nonzero(flipped == 2) == 4


def test_probabilities_are_spread_over_the_voxels(numbers):
    levels = choice_of(numbers).spread()
    assert np.unique(levels[numbers == 2]) == pytest.approx([0.7])
    assert not levels[numbers == 0].any()


def test_a_part_keeps_its_own_and_knows_its_place_in_the_whole(numbers):
    choice = choice_of(numbers)
    whole = choice.moved((slice(2, 6), slice(None), slice(1, None)), (8, 6, 9))
    placed = np.zeros((8, 6, 9), np.int32)
    placed[2:6, :, 1:] = numbers
    assert np.array_equal(whole.voxels, np.flatnonzero(placed))
    assert set(choice.inside(numbers == 2).owners.tolist()) == {1}


def test_text_gives_the_same_back(numbers):
    choice = choice_of(numbers)
    again = LesionChoice.from_text(choice.to_text(), numbers.shape)
    for name in ("voxels", "owners", "otherwise", "probabilities"):
        assert np.array_equal(getattr(again, name), getattr(choice, name)), name
    assert again.points == choice.points


def test_no_candidates_are_text_too():
    none = LesionChoice(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.uint8), POINTS, SHAPE)
    again = LesionChoice.from_text(none.to_text(), SHAPE)
    labels = np.ones(SHAPE, np.uint8)
    again.choose(labels, 1)
    assert labels.all()


def test_what_would_be_too_large_for_a_scene_is_no_text(numbers, monkeypatch):
    monkeypatch.setattr(lesion_choice, "LARGEST_TEXT", 100)
    assert choice_of(numbers).to_text() == ""


def damaged(text, **changes):
    return json.dumps(json.loads(text) | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"voxels": "###"},
        {"voxels": "AAAA"},
        {"points": []},
        {"otherwise": [1]},
        {"otherwise": [2, 1, 0]},
        {"probabilities": ["x", 0, 0]},
        {"probabilities": [float("nan"), 0, 0]},
        {"probabilities": [[0], [0], [0]]},
        {"shape": [4, 6]},
        {"shape": 7},
    ],
)
def test_damaged_text_is_refused_in_words(numbers, changes):
    with pytest.raises(UserError, match="are damaged or of another CT: segment the CT again"):
        LesionChoice.from_text(damaged(choice_of(numbers).to_text(), **changes), numbers.shape)


def test_text_of_another_ct_is_refused(numbers):
    text = choice_of(numbers).to_text()
    for shape in ((1, 1, 1), (4, 6, 9), (8, 6, 4), (4, 6)):
        with pytest.raises(UserError, match="of another CT"):
            LesionChoice.from_text(text, shape)


def test_a_little_text_that_unpacks_to_gigabytes_is_refused(numbers):
    bomb = lesion_choice._packed(np.zeros(1 << 20, np.int64))
    with pytest.raises(UserError, match="are damaged"):
        LesionChoice.from_text(damaged(choice_of(numbers).to_text(), voxels=bomb), numbers.shape)


def test_owners_outside_the_candidates_are_refused(numbers):
    choice = choice_of(numbers)
    text = replace(choice, owners=choice.owners + 1).to_text()
    with pytest.raises(UserError, match="are damaged"):
        LesionChoice.from_text(text, numbers.shape)
