"""Free texts of a Structured Report: comments, and the characters that an object's character set lets them have."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from highdicom.sr import ContainerContentItem, ContentSequence, RelationshipTypeValues, TextContentItem
from pydicom import charset
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from ..core.sanitize import to_one_line

COMMENT = codes.DCM.Comment
EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
_UTF_8, _DEFAULT = "ISO_IR 192", "iso8859"
"""The latter is what pydicom takes for the default character set, which is ASCII (PS3.3, section C.12.1.1.2)."""


def comment(text: str, about: Code = COMMENT) -> TextContentItem:
    """A content item that says a text on one line."""
    return TextContentItem(about, to_one_line(text), RelationshipTypeValues.CONTAINS)


def evaluations(texts: Iterable[str]) -> ContainerContentItem:
    """The part of a measurement report (TID 1500 of PS3.16) for what is no number; a comment a text."""
    container = ContainerContentItem(EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence([comment(text) for text in texts])
    return container


def fit_texts(report: Dataset) -> None:
    """Give a report, in place, texts that can be written in its character set.

    Where it has none and is in ASCII but for its texts, it gets UTF-8. Else a character that its set lacks becomes the
    nearest in ASCII, or a question mark.
    """
    texts = [element for element in report.iterall() if element.keyword == "TextValue"]
    if all(str(element.value).isascii() for element in texts):
        return
    stated = report.get("SpecificCharacterSet")
    if not stated and _is_ascii(report):
        report.SpecificCharacterSet = _UTF_8
        return
    encodings = _encodings(stated)
    for element in texts:
        element.value = "".join(letter if _holds(encodings, letter) else _plain(letter) for letter in element.value)


def _is_ascii(report: Dataset) -> bool:
    """Whether every value beside the texts is, so that another character set changes none of them."""
    return all(
        str(each.value).isascii() for each in report.iterall() if each.VR != "SQ" and each.keyword != "TextValue"
    )


def _encodings(stated: str | Sequence[str] | None) -> list[str]:
    try:
        return charset.convert_encodings([stated or ""] if isinstance(stated or "", str) else list(stated or ()))
    except LookupError:
        return [_DEFAULT]


def _holds(encodings: Sequence[str], letter: str) -> bool:
    if letter.isascii():
        return True
    if _DEFAULT in encodings and _can_encode(_DEFAULT, letter):
        return False  # it would be written as Latin-1, which is not stated
    return any(_can_encode(encoding, letter) for encoding in encodings)


def _can_encode(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _plain(letter: str) -> str:
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"
