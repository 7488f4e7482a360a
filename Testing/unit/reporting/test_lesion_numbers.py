import json

import numpy as np
import pytest

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.reporting.lesion_numbers import LesionNumbers, read_numbers
from LiverTumorSegLib.reporting.lesions import measure_lesions, number_lesions


def line(text):
    """Labels of one row of voxels, drawn: ``#`` is lesion, ``.`` is liver."""
    return np.array([[[2 if letter == "#" else 1 for letter in text]]], np.uint8)


def steps(*texts):
    """The numbers that lesions have from step to step, drawn as digits."""
    volume, numbers, drawn = Volume(np.zeros((1, 1, 20), np.int16), np.eye(4)), None, []
    for text in texts:
        labels = line(text)
        numbered = number_lesions(labels, volume, measure_lesions(labels, volume, numbers=numbers))
        numbers = numbers.after(numbered) if numbers else LesionNumbers.of(numbered)
        drawn.append("".join("." if value == 1 else str(value - 1) for value in numbered.reshape(-1)))
    return drawn


@pytest.mark.parametrize(
    ("before", "after", "numbers"),
    [
        ("###...##............", "#####..##..........#", "11111..22..........3"),  # a new one gets the next number
        ("######.##...........", "##.###.##...........", "33.111.22..........."),  # the larger part keeps it
        ("###..##.............", "#######.............", "1111111............."),  # the larger one's stays
        ("##..####............", "..#####.###.........", "..11111.333........."),
        ("###...##............", "......##............", "......22............"),  # a gap stays a gap
        ("####..##............", "####..###########...", "1111..22222222222..."),  # whatever their sizes are
    ],
)
def test_lesions_keep_their_numbers(before, after, numbers):
    assert steps(before, after)[1] == numbers


def test_a_free_number_is_given_to_nothing_else():
    assert steps("###...##............", "###.................", "###...........##....")[2] == "111...........33...."


def test_a_lesion_that_comes_back_has_its_number_again():
    removed = steps("###...##............", "......##............", "......##.......#....", "###...##.......#....")
    assert removed[2:] == ["......22.......3....", "111...22.......3...."]
    split = steps("######.##...........", "##.###.##...........", "######.##...........", "##.###.##...........")
    assert split[1] == split[3] == "33.111.22..........."
    merged = steps("###..##.............", "#######.............", "###..##.............")
    assert merged[2] == "111..22............."


def test_one_painted_beside_where_one_was_is_another():
    assert steps("###...##............", "###.................", "###....###..........")[2] == "111....333.........."


def test_without_any_before_the_largest_is_the_first():
    assert steps("##..####.###........") == ["33..1111.222........"]


def kept():
    lesions = LesionNumbers.of(number_lesions(line("###..##...#........."), Volume(np.zeros((1, 1, 20)), np.eye(4))))
    return json.loads(lesions.to_text())


@pytest.mark.parametrize(
    "change",
    [
        {"following": 1},
        {"there": [[1, [0, 1, 0, 1, 0, 21], "eJz7DwABAgEA"]]},
        {"there": [[1, [0, 1, 0, 1, 0, 3], "????"]]},
        {"there": [["one", [0, 1, 0, 1, 0, 3], "eJz7DwABAgEA"]]},
        {"there": [[1]]},
        {"gone": None},
    ],
)
def test_what_is_damaged_is_no_number(change):
    assert read_numbers(json.dumps(kept()), (1, 1, 20)) is not None
    assert read_numbers(json.dumps(kept() | change), (1, 1, 20)) is None


@pytest.mark.parametrize("text", ["", "[]", "nothing", "1"])
def test_what_is_no_numbers_is_none(text):
    assert read_numbers(text, (1, 1, 20)) is None


def test_numbers_of_another_ct_are_none():
    assert read_numbers(json.dumps(kept()), (1, 1, 10)) is None
