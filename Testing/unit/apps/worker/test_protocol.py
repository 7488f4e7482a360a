import json

import pytest

from LiverTumorSegLib.apps.worker import protocol
from LiverTumorSegLib.apps.worker.protocol import LineSplitter, decode, encode, is_answer, is_question


def test_a_message_is_one_line_of_ascii_and_comes_back_equal():
    message = {"id": 3, "do": "segment", "with": {"volume": "/tmp/Müller\n人.nrrd"}}
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"Warning: something", b"[1, 2]", b'"text"', b"{", b"\xff\xfe"])
def test_what_a_library_prints_is_no_message(line):
    assert decode(line) is None


def test_a_number_that_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="Out of range"):
        encode({"id": 1, "at": float("nan")})
    assert json.loads(encode({"id": 1})) == {"id": 1}


def test_lines_are_cut_wherever_the_parts_end():
    lines, text = LineSplitter(), b"one\ntwo\n\nthree\nhalf"
    assert [line for at in range(len(text)) for line in lines.take(text[at : at + 1])] == [
        b"one",
        b"two",
        b"",
        b"three",
    ]
    assert lines.take(b" done\n") == [b"half done"]


def test_a_line_longer_than_any_message_is_dropped_and_the_next_is_taken(monkeypatch):
    monkeypatch.setattr(protocol, "LONGEST", 10)
    lines = LineSplitter()
    assert lines.take(b"a" * 6) == []
    assert lines.take(b"a" * 6) == []
    assert lines.take(b"a" * 6 + b"\nshort\n" + b"b" * 11 + b"\nlast\n") == [b"short", b"last"]


def test_brackets_without_end_are_no_message():
    assert decode(b"[" * 100_000) is None


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ({"id": 1, "at": 0.5, "says": "Working"}, True),
        ({"id": 1, "at": "x", "says": "Working"}, False),
        ({"id": 1, "at": 0.5}, False),
        ({"id": 1, "result": {}}, True),
        ({"id": 1, "result": 3}, False),
        ({"id": [1], "result": {}}, False),
        ({"id": 1, "error": "x.", "details": ""}, True),
        ({"id": 1, "error": None}, False),
        ({"id": 1, "error": "x.", "details": 4}, False),
        ({"id": 1, "cancelled": True}, True),
        ({"id": 1}, False),
    ],
)
def test_a_client_takes_only_what_a_worker_says(message, is_one):
    assert is_answer(message) == is_one


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ({"id": 1, "do": "segment", "with": {}}, True),
        ({"id": 1, "do": "devices"}, True),
        ({"id": 1, "do": ["devices"]}, False),
        ({"id": 1, "do": "devices", "with": []}, False),
        ({"do": "devices"}, False),
        ({"cancel": 1}, True),
        ({"cancel": [1]}, False),
    ],
)
def test_a_worker_takes_only_what_a_client_asks(message, is_one):
    assert is_question(message) == is_one
