import csv
import io
import re

import pytest
from support.repository import ROOT

from LiverTumorSegLib.core.text_files import lines, marked, to_csv, unmarked

LIBRARY = ROOT / "LiverTumorSegLib"
FORMULAS = ["=1+1", "+a", "-3", "@b", "\tc", '=HYPERLINK("x")', " =1", '"=1', "\uff1d1", "'=1"]
BREAKS = [";", "\n", "\r", "\r\n", "; ", "a;", 'a";"', "\n\n", ";;", "\t", "\u2028", "\v"]


def read(text, delimiter=","):
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("words", FORMULAS)
def test_words_that_would_run_as_a_formula_begin_with_an_apostrophe(words):
    row = {"a": words, "b": "a" + words.strip()}
    assert read(to_csv(["a", "b"], [row])) == [["a", "b"], [f"'{words}", "a" + words.strip()]]


@pytest.mark.parametrize("words", FORMULAS)
@pytest.mark.parametrize("begins", BREAKS)
@pytest.mark.parametrize("written", [lambda rows: to_csv("ab", [dict(zip("ab", *rows, strict=True))]), lines])
def test_no_cell_is_a_formula_whatever_separates_cells(words, begins, written):
    hostile = f"a{begins}{words}"
    for row in ([hostile, "b"], ["b", hostile], [hostile, hostile]):
        text = written([row])
        for delimiter in ",;\t":
            for broken in (text, text.replace("\r", "\n")):
                cells = [cell.lstrip(' "') for line in read(broken, delimiter) for cell in line]
                assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\uff1d"))], text


@pytest.mark.parametrize(
    "words", [*FORMULAS, *(b + f for b in BREAKS for f in FORMULAS), "a; b", "", "liver - 3", "a-b"]
)
def test_marks_are_taken_off_again(words):
    assert unmarked(marked(words)) == words
    assert unmarked(marked(f"x{words}")) == f"x{words}"


def test_words_that_are_no_formula_stay_as_they_are():
    for words in ("a; b", "liver - 3 mm", "a=b", "5 + 3; 4", "1-2", "mine'; yours"):
        assert marked(words) == words


@pytest.mark.parametrize("words", ["a\r=1+1", "\r=1+1", "a\n=1+1", 'a",=1+1', "a\udcff"])
def test_no_word_ends_its_cell(words):
    _, row = read(to_csv(["a", "b"], [{"a": words, "b": "b"}]).encode().decode())
    assert (len(row), row[1]) == (2, "b")


def test_all_cells_are_quoted():
    assert to_csv(["a", "b", "c"], [{"a": 1, "b": None, "c": 0.5}]) == '"a","b","c"\n"1","","0.5"\n'
    assert lines([["a", "b"], [-1.25, 2]]) == '"a","b"\n"-1.25","2"\n'
    assert lines([["a", "b"], [-1.25, 2]], "\t") == "a\tb\n-1.25\t2\n"


def test_numbers_stay_numbers_and_what_is_not_known_is_empty():
    assert read(to_csv(["a", "b", "c"], [{"a": -0.25, "b": -3, "c": None}]))[1] == ["-0.25", "-3", ""]
    assert read(to_csv(["a"], [{"a": 1 / 3}]))[1] == ["0.333333"]


def test_every_table_is_written_in_this_one_place():
    writers = {p.name for p in LIBRARY.rglob("*.py") if re.search(r"csv\.(Dict)?[wW]riter", p.read_text("utf-8"))}
    assert writers == {"text_files.py"}
