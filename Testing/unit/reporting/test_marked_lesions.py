import numpy as np
import pytest

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.reporting.lesion_numbers import LesionNumbers
from LiverTumorSegLib.reporting.lesion_origins import LesionMark, automatic_marks
from LiverTumorSegLib.reporting.lesions import measure_lesions, number_lesions
from LiverTumorSegLib.reporting.marked_lesions import marks_after_choice, tell_origins

A, B = (slice(5, 8), slice(10, 14), slice(20, 25)), (15, 20, slice(10, 17))


@pytest.fixture
def labels():
    """A liver with two lesions, A of 60 and B of 7 voxels of 1 mm."""
    labels = np.zeros((20, 60, 60), np.uint8)
    labels[2:-2, 5:-5, 5:-5] = 1
    labels[A] = labels[B] = 2
    return labels


def volume_of(labels):
    return Volume(np.full(labels.shape, 50, np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]))


def numbered_of(labels):
    return number_lesions(labels.copy(), volume_of(labels))


def automatic(labels):
    inside = [lesion.inside_voxel for lesion in measure_lesions(labels, volume_of(labels)).lesions]
    return automatic_marks(numbered_of(labels), inside)


def told(marks, labels, by_model=None):
    """Words by size, and the marks as they come back."""
    volume = volume_of(labels)
    table, renewed = tell_origins(measure_lesions(labels, volume), marks, numbered_of(labels), volume, by_model)
    sizes = [round(lesion.volume_ml / volume.voxel_ml) for lesion in table.lesions]
    return {size: lesion.origin.in_words for size, lesion in zip(sizes, table.lesions, strict=True)}, renewed


def chosen(marks, before, after, removed=()):
    volume = volume_of(after)
    table = measure_lesions(after, volume)
    return marks_after_choice(marks, numbered_of(before), numbered_of(after), volume, table, removed=removed)


def test_what_a_model_marked_is_automatic_and_the_rest_painted(labels):
    marks = automatic(labels)
    labels[3, 30, 30:33] = 2
    assert told(marks, labels) == ({60: "automatic", 7: "automatic", 3: "painted"}, marks)
    assert told([], labels)[0] == {60: "painted", 7: "painted", 3: "painted"}


def test_a_correction_by_hand_is_told_until_it_is_undone(labels):
    found, marks = labels.copy(), automatic(labels)
    labels[5, 10, 20], labels[15, 20, 17] = 1, 2
    words, after = told(marks, labels)
    assert words == {59: "automatic, corrected by hand", 8: "automatic, corrected by hand"}
    assert told(after, found)[0] == {60: "automatic", 7: "automatic"}


def test_a_lesion_that_was_moved_a_little_is_still_the_same(labels):
    marks = automatic(labels)
    labels[B] = 1
    labels[15, 24, 10:17] = 2
    words, after = told(marks, labels)
    assert words == {60: "automatic", 7: "automatic"}
    labels[15, 24, 10:17] = 1
    labels[15, 28, 10:17] = 2  # and once more
    assert told(after, labels)[0] == {60: "automatic", 7: "automatic"}


def test_a_mark_near_another_marked_lesion_is_not_of_that(labels):
    labels[A] = 1
    labels[15, 23, 10:13] = 2  # beside B, which is the larger
    marks = automatic(labels)
    labels[15, 23, 10:13] = 1
    words, after = told(marks, labels)
    assert words == {7: "automatic"}
    assert len(after) == 2
    labels[15, 23, 10:13] = 2
    assert told(after, labels)[0] == {7: "automatic", 3: "automatic"}


def test_what_was_erased_and_comes_back_is_as_it_was(labels):
    found, marks = labels.copy(), automatic(labels)
    labels[A] = 1
    words, after = told(marks, labels)
    assert words == {7: "automatic"}
    assert told(after, found)[0] == {60: "automatic", 7: "automatic"}


def test_lesions_that_painting_made_one_are_corrected_and_clicks_add_up(labels):
    marks = [mark._replace(clicks=number) for number, mark in enumerate(automatic(labels), start=1)]
    labels[5:16, 12, 20] = labels[15, 12:21, 16] = labels[15, 12, 16:21] = 2
    (words,) = told(marks, labels)[0].values()
    assert words == "3 clicks, corrected by hand"


def test_a_part_that_was_cut_off_is_automatic_where_the_model_is_known_to_have_marked_it(labels):
    marks, by_model = automatic(labels), np.flatnonzero(labels == 2)
    labels[6, :, :][labels[6] == 2] = 1
    labels[7, 10, 20] = 1
    words, after = told(marks, labels, by_model)
    assert words == dict.fromkeys((20, 19, 7), "automatic, corrected by hand") | {7: "automatic"}
    assert told(after, labels)[0] == words
    labels[3, 30, 30:33] = 2
    assert told(after, labels, by_model)[0] == words | {3: "painted"}


def test_of_what_was_painted_no_probability_is_told(labels):
    volume = volume_of(labels)
    levels = np.where(labels == 2, np.float32(0.5), np.float32(0))
    table = measure_lesions(labels, volume, probabilities=levels)
    marks = automatic(labels)[:1]
    first, second = tell_origins(table, marks, numbered_of(labels), volume)[0].lesions
    assert (first.probability, second.probability) == (0.5, None)


def test_candidates_that_come_go_or_join_are_no_correction(labels):
    marks, more = automatic(labels), labels.copy()
    more[15, 21, 10:14] = more[3, 30, 30:33] = 2  # B grows, and there is another
    after = chosen(marks, labels, more)
    assert told(after, more)[0] == {60: "automatic", 11: "automatic", 3: "automatic"}
    assert told(chosen(after, more, labels), labels)[0] == {60: "automatic", 7: "automatic"}
    assert told(chosen([], labels, more), more)[0] == {
        60: "painted",
        11: "automatic, corrected by hand",
        3: "automatic",
    }


def test_what_clicks_made_and_hands_changed_stays_so_when_candidates_join(labels):
    b = tuple(automatic(labels)[1].voxel)
    more = labels.copy()
    more[15, 21, 10:14] = 2
    for mark, words in (
        (LesionMark(b, 2, 7), "automatic, improved by 2 clicks"),
        (LesionMark(b, 2, 8), "automatic, improved by 2 clicks, corrected by hand"),
    ):
        assert told(chosen([mark], labels, more), more)[0][11] == words


def test_what_was_corrected_and_chosen_away_is_corrected_when_it_is_chosen_again(labels):
    marks = automatic(labels)
    labels[5, 10, 20] = 1
    fewer = labels.copy()
    fewer[A] = 1
    away = chosen(marks, labels, fewer)
    assert told(away, fewer)[0] == {7: "automatic"}
    assert told(chosen(away, fewer, labels), labels)[0] == {59: "automatic, corrected by hand", 7: "automatic"}


def test_what_is_no_lesion_takes_its_mark_away(labels):
    marks, left = automatic(labels), labels.copy()
    left[B] = 1
    after = chosen(marks, labels, left, removed=[marks[1].voxel])
    assert after == marks[:1]
    assert told(after, labels)[0] == {60: "automatic", 7: "painted"}


def test_what_marked_a_lesion_is_told_of_it_where_numbers_have_gaps(labels):
    volume, marks = volume_of(labels), automatic(labels)
    numbers = LesionNumbers.of(numbered_of(labels))
    labels[A] = 1
    table = measure_lesions(labels, volume, numbers=numbers)
    numbered = number_lesions(labels, volume, table)
    table, renewed = tell_origins(table, marks[:1], numbered, volume, np.flatnonzero(labels == 2))
    (lesion,) = table.lesions
    assert (lesion.number, lesion.origin.in_words) == (2, "automatic, corrected by hand")
    assert renewed[0].voxel == lesion.inside_voxel
    anew = marks_after_choice(marks, numbered_of(labels), numbered, volume, table)
    assert {mark.voxels for mark in anew} == {60, 7}  # that of the lesion that is gone waits
