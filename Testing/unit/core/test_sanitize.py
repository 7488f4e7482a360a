import unicodedata

import pytest

from LiverTumorSegLib.core.sanitize import escape_for_page, escape_invisible, to_one_line


@pytest.mark.parametrize("text", ["", "Leber Ä 肝 כבד", "a\tb\nc", "[bold]", "e\u0301"])
def test_what_does_nothing_stays(text):
    assert escape_invisible(text) == text


def test_nothing_that_commands_is_left():
    everything = "".join(map(chr, range(0x110000)))
    left = escape_invisible(everything)
    kept = {c for c in left if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} - {"\t", "\n"}
    turning = {
        c
        for c in left
        if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    assert not kept | turning
    left.encode()


def test_a_name_cannot_add_a_line():
    assert to_one_line("a\nerror:\tb\x1b[1A") == r"a error: b\x1b[1A"


def test_a_page_gets_text_visibly_and_anything_else_as_it_is():
    marked = type("Markup", (str,), {})("\x1b")
    assert (escape_for_page("\u202e"), escape_for_page(3), escape_for_page(marked)) == ("\\u202e", 3, "\x1b")
