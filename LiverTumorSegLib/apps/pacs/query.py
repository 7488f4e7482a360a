"""Questions by C-FIND and their answers (PS3.4, section C.4.1), study root, whoever asks them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

from .archived_series import is_uid
from .association import accepts
from .connection import Rejected, Unreachable

SUCCESS = 0x0000
_PENDING = frozenset({0xFF00, 0xFF01})
_MOST_ANSWERS = 20_000
_KEYS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


def question(level: str, keys: Mapping[str, str]) -> Dataset:
    """An identifier of a query, or of a retrieval.

    Args:
        level: ``STUDY``, ``SERIES`` or ``IMAGE``; its own UID is asked for where the keys do not name it.
        keys: values by keyword; empty where any fits.
    """
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    if not all(value.isascii() for value in keys.values()):
        asked.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in ({_KEYS[level]: ""} | dict(keys)).items():
        setattr(asked, keyword, value)
    return asked


def answers(association: Association, asked: Dataset, enough: int | None = None) -> Iterator[Dataset]:
    """The answers to a question that have the UID of its level.

    Args:
        association: that offers C-FIND.
        asked: as of :func:`question`.
        enough: answers after which no more are waited for: some archives go on with all that they hold.

    Raises:
        Unreachable, Rejected: they do not come to an end, or are refused.
    """
    refuse_unserved(association, Find, "C-FIND")
    count, key = 0, _KEYS[asked.QueryRetrieveLevel]
    for heard, (status, answer) in enumerate(association.send_c_find(asked, Find)):
        code = status.get("Status")
        if code is None:
            msg = "it did not answer to C-FIND in time, or ended the connection: check that it knows this service"
            raise Unreachable(msg)
        if code not in (*_PENDING, SUCCESS):
            msg = f"it refuses to be searched (status {code:04X})"
            raise Unreachable(msg)
        if answer is not None and is_uid(text(answer, key)):
            count += 1
            yield answer
            if count == enough:
                association.abort()
                return
        if heard >= _MOST_ANSWERS:
            association.abort()
            msg = f"it answers a search with more than {_MOST_ANSWERS} lines"
            raise Rejected(msg)


def refuse_unserved(association: Association, kind: str, name: str, advice: str = "") -> None:
    """Refuse an archive that does not serve a SOP class to this program.

    Raises:
        Unreachable: it has ended the connection.
        Rejected: it does not.
    """
    if not association.is_established:
        msg = "it ended the connection"
        raise Unreachable(msg)
    if not accepts(association, kind):
        msg = f"it serves no {name} to this service{advice and f': {advice}'}"
        raise Rejected(msg)


def text(answer: Dataset, keyword: str) -> str:
    """A value as text, several joined by backslashes; empty where there is none, or none that can be read."""
    try:
        value = answer.get(keyword)
        parts = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
        return "\\".join("" if part is None else str(part).strip(" \0") for part in parts)
    except Exception:  # noqa: BLE001 pydicom reads a value when it is asked for, and it may be anything
        return ""
