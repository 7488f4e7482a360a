import csv
import io

import pytest

from LiverTumorSegLib.spreadsheet import as_csv


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("words", ["=1+1", "+a", "-3", "@b", "\tc", '=HYPERLINK("x")'])
def test_words_that_would_run_as_a_formula_begin_with_an_apostrophe(words):
    assert read(as_csv(["a", "b"], [{"a": words, "b": "a" + words}])) == [["a", "b"], [f"'{words}", "a" + words]]


@pytest.mark.parametrize("words", ["a\r=1+1", "\r=1+1", "a\n=1+1", 'a",=1+1', "a\udcff"])
def test_no_word_ends_its_cell(words):
    _, row = read(as_csv(["a", "b"], [{"a": words, "b": "b"}]).encode().decode())
    assert (len(row), row[1]) == (2, "b")


def test_numbers_stay_numbers_and_what_is_not_known_is_empty():
    assert read(as_csv(["a", "b", "c"], [{"a": -0.25, "b": -3, "c": None}]))[1] == ["-0.25", "-3", ""]
    assert read(as_csv(["a"], [{"a": 1 / 3}]))[1] == ["0.333333"]
