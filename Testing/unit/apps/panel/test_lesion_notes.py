import numpy as np
import pytest

from LiverTumorSegLib.apps.panel.lesion_notes import placed, text_of
from LiverTumorSegLib.core.volume import Volume


def ct(column_mm=1.0):
    """A CT with so many mm from voxel to voxel of a row."""
    return Volume(np.zeros((8, 8, 8), np.int16), np.diag([column_mm, 1, 1, 1]))


@pytest.fixture
def numbered():
    labels = np.ones((8, 8, 8), np.uint8)
    labels[2, 2, 2:4] = 2
    labels[6, 6, 6] = 3
    return labels


def test_a_note_belongs_to_the_lesion_at_its_voxel(numbered):
    notes = [[[6, 6, 6], "a", 0], [[2, 2, 2], "b", 1], [[0, 0, 0], "c", 1], [[9, 0, 0], "d", 1]]
    assert [row for _voxel, _text, row in placed(notes, numbered, ct(), [1, 2])] == [1, 0, None, None]


def test_after_a_correction_it_belongs_to_the_nearest_lesion_within_5_mm(numbered):
    near = [[[5, 2, 2], "a", 0]]  # two voxels beside the end of lesion 1
    assert placed(near, numbered, ct(2.5), [1, 2], by_hand=True) == [[[5, 2, 2], "a", 0]]
    assert placed(near, numbered, ct(2.6), [1, 2], by_hand=True) == [[[5, 2, 2], "a", None]]


def test_what_waits_comes_back_with_its_lesion(numbered):
    waiting = placed([[[6, 6, 6], "cyst", 1], [[2, 2, 2], "cyst", 0]], np.where(numbered == 3, 1, numbered), ct(), [1])
    assert [row for *_note, row in waiting] == [None, 0]
    assert [row for *_note, row in placed(waiting, numbered, ct(), [1, 2])] == [1, 0]


def test_notes_of_lesions_that_became_one_stand_after_each_other():
    notes = [[[0, 0, 0], "a", 1], [[0, 0, 1], "b", 1], [[0, 0, 2], "a", 1], [[0, 0, 3], "c", 2]]
    assert text_of(notes, 1) == "a; b"
    assert text_of(notes, 0) == ""
