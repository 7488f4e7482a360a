import csv
import io
import json

import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.reporting.lesion_origins import (
    AUTOMATIC,
    PAINTED,
    LesionMark,
    LesionOrigin,
    automatic_marks,
    common_origin,
    origin_of,
    read_marks,
    with_clicks,
)
from LiverTumorSegLib.reporting.lesions import measure_lesions

MODEL, CLICKS = LesionMark((1, 1, 1), 0, 100), LesionMark((2, 1, 1), 2, 150)


@pytest.mark.parametrize(
    ("marks", "size", "words"),
    [
        ((), 9, "painted"),
        ((MODEL,), 100, "automatic"),
        ((MODEL,), 99, "automatic, corrected by hand"),
        ((MODEL, MODEL._replace(voxels=7)), 107, "automatic"),
        ((MODEL, MODEL._replace(voxels=7)), 108, "automatic, corrected by hand"),
        ((MODEL, CLICKS), 150, "automatic, improved by 2 clicks"),
        ((MODEL, CLICKS), 151, "automatic, improved by 2 clicks, corrected by hand"),
        ((CLICKS,), 150, "2 clicks"),
        ((CLICKS._replace(clicks=1),), 150, "1 click"),
        ((CLICKS, CLICKS._replace(clicks=1, voxels=160)), 160, "3 clicks"),
        ((CLICKS,), 140, "2 clicks, corrected by hand"),
        ((CLICKS._replace(voxels=0),), 150, "2 clicks, corrected by hand"),
    ],
)
def test_marks_and_size_tell_how_a_lesion_came_about(marks, size, words):
    origin = origin_of(marks, size)
    assert origin.in_words == words
    assert origin.painted == (words == "painted")


def test_a_lesion_that_a_model_marked_says_so_with_its_size():
    numbered = np.ones((3, 4, 5), np.uint8)
    numbered[0, 0, :4], numbered[2, 2, 2] = 2, 3
    assert automatic_marks(numbered, [(1, 0, 0), (2, 2, 2)]) == (
        LesionMark((1, 0, 0), 0, 4),
        LesionMark((2, 2, 2), 0, 1),
    )
    assert automatic_marks(np.ones((3, 4, 5), np.uint8), []) == ()


@pytest.fixture
def base():
    """A lesion of 4 voxels before it was clicked."""
    mask = np.zeros((3, 4, 5), bool)
    mask[1, 1, :4] = True
    return mask


CLICKED = LesionMark((1, 1, 1), 1, 9)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ((LesionMark((1, 1, 1), 0, 4),), "automatic, improved by 1 click"),
        ((LesionMark((1, 1, 1), 0, 3),), "automatic, improved by 1 click, corrected by hand"),
        ((LesionMark((1, 1, 1), 2, 4),), "3 clicks"),
        ((LesionMark((4, 3, 2), 0, 4),), "1 click, corrected by hand"),
        ((), "1 click, corrected by hand"),
    ],
)
def test_clicks_on_what_is_there_improve_it_and_what_was_by_hand_stays_so(base, before, words):
    after = with_clicks(before, CLICKED, base)
    assert after[:-1] == before
    held = [mark for mark in after if base[mark.voxel[::-1]]]
    assert origin_of(held, 9).in_words == words


@pytest.mark.parametrize("base", [None, np.zeros((3, 4, 5), bool)])
def test_clicks_where_nothing_was_make_a_lesion_of_their_own(base):
    assert with_clicks([MODEL], CLICKED, base) == (MODEL, CLICKED)


def test_marks_are_read_as_they_are_written():
    assert read_marks([[[1, 2, 3], 0, 7], [[4, 5, 6], 2, 8]]) == (((1, 2, 3), 0, 7), ((4, 5, 6), 2, 8))
    assert read_marks([]) == ()
    assert read_marks(None) is None


@pytest.mark.parametrize(
    "content",
    [
        5,
        "text",
        [[[1, 2, 3], 1]],
        [[[1, 2], 1, 5]],
        [[[1, 2, 3.5], 1, 5]],
        [[[1, 2, 3], -1, 5]],
        [[[1, 2, 3], True, 5]],
        [[[1, 2, 3], 1, 5.0]],
        [["abc", 1, 5]],
    ],
)
def test_what_are_no_marks_is_refused_in_words(content):
    with pytest.raises(UserError, match="A mark of a lesion is"):
        read_marks(content)


def test_no_model_and_no_click_is_painted():
    assert LesionOrigin(automatic=False).painted
    assert not LesionOrigin(automatic=False, clicks=1).painted


IMPROVED, CLICK = LesionOrigin(automatic=True, clicks=2), LesionOrigin(automatic=False, clicks=1)


@pytest.mark.parametrize(
    ("origins", "common"),
    [
        ([], None),
        ([AUTOMATIC, None], None),
        ([AUTOMATIC, AUTOMATIC], AUTOMATIC),
        ([PAINTED, PAINTED], PAINTED),
        ([AUTOMATIC, IMPROVED], IMPROVED),
        ([AUTOMATIC, PAINTED], LesionOrigin(automatic=True, corrected=True)),
        ([CLICK, PAINTED], LesionOrigin(automatic=False, clicks=1, corrected=True)),
        ([CLICK, IMPROVED], LesionOrigin(automatic=True, clicks=3)),
    ],
)
def test_lesions_have_in_common_the_weakest_that_is_true_of_all(origins, common):
    assert common_origin(origins) == common


def test_the_table_has_a_column_of_words_before_the_notes_where_an_origin_is_known(small_phantom):
    plain = measure_lesions(small_phantom.labels, small_phantom.volume)
    told = plain.with_origins({1: AUTOMATIC, 2: CLICK})
    header, first, second = csv.reader(io.StringIO(told.to_csv()))
    assert header[-2:] == ["probability", "origin"]
    assert (first[-1], second[-1]) == ("automatic", "1 click")
    assert told.with_notes({1: "a cyst"}).to_csv().splitlines()[0].endswith('"probability","origin","note"')
    assert "origin" not in plain.to_csv()
    assert [lesion["origin"] for lesion in json.loads(told.to_json())["lesions"]] == [
        {"automatic": True, "clicks": 0, "corrected": False},
        {"automatic": False, "clicks": 1, "corrected": False},
    ]
    assert told.with_origins({}) == plain
