from pathlib import Path

import pytest

from LiverTumorSegLib.core.sanitize import anonymise_sentence

FOLDER = Path("/srv/pacs/series/3")


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("/srv/pacs/series/3/12.dcm ends too early.", "image 12.dcm ends too early."),
        ("/srv/pacs/series/3 mixes slices.", "The series mixes slices."),
        ("It is “Doe^Jane”, and “Roe”.", "It is “…”, and “…”."),
        ("It holds 1.2.840.113619.2.55: choose one.", "It holds …: choose one."),
        ("z = 12.5 mm, version 1.2.3", "z = 12.5 mm, version 1.2.3"),
        ("two\nlines \x1b[2J", "two lines \\x1b[2J"),
        ("", ""),
    ],
)
def test_sentences_lose_what_may_name_somebody(sentence, shown):
    assert anonymise_sentence(sentence, FOLDER) == shown


def test_a_sentence_has_an_end():
    assert len(anonymise_sentence("long " * 1000, FOLDER)) == 500
