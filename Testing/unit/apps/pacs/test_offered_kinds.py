"""What a sender offers in vain is said with what to do about it, and in no words of the sender's."""

import pytest

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from pynetdicom import build_context
from pynetdicom.sop_class import CTImageStorage, MRImageStorage, Verification

from LiverTumorSegLib.apps.pacs.offered_kinds import refusal_words, taken_of

KINDS = frozenset({CTImageStorage})


def test_nothing_is_said_where_nothing_was_offered_in_vain():
    assert refusal_words([], KINDS) == ""


def test_only_images_that_are_taken_count_as_taken():
    assert taken_of([build_context(Verification), build_context(CTImageStorage)], KINDS) == {CTImageStorage}
    assert taken_of([build_context(Verification)], KINDS) == set()


def test_of_many_kinds_the_first_few_are_named_and_private_ones_are_not():
    many = [build_context(f"1.2.840.10008.5.1.4.1.1.{number}") for number in ("1", "4", "7", "20", "128")]
    words = refusal_words([build_context("1.2.3.4.5"), *many], KINDS)
    assert "a private one, Computed Radiography Image Storage, MR Image Storage" in words
    assert words.count("2 more") == 1
    assert "1.2.3.4.5" not in words
    assert "MR Image Storage" in refusal_words([build_context(MRImageStorage)], KINDS)
