import json

import pytest

from LiverTumorSegLib.worker.protocol import decode, encode


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
