"""CT series with a mark of its own in every attribute that could identify somebody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.tag import Tag

from support.dicom_slices import Slices, plain, store, write

WORD = "Q7ZMARK"
"""In every mark that may hold letters, and in the folders of the machine."""

DATE, TIME = "19371113", "133742.517"
UID = "1.2.826.0.1.99171937"
NUMBERS = (DATE, "1937-11-13", "13.11.1937", "11/13/1937", TIME, "13:37:42", UID)

_GROUPS = (0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040)
_LETTERS = {"PN": 60, "LO": 60, "SH": 16, "ST": 200, "LT": 200, "UT": 200, "UC": 200, "AE": 16}
_OTHERS = {"DA": DATE, "TM": TIME, "DT": DATE + TIME, "AS": "087Y"}
_STAYS = {"SOPClassUID", "SpecificCharacterSet"}


def identified(series: int = 1, shape: tuple[int, int, int] = (8, 48, 64)) -> Slices:
    """A CT of so many slices of a made-up liver, each text, date, time and UID of eight groups marked."""
    slices = plain(count=shape[0])
    for number, (one, values) in enumerate(zip(slices, _body(shape), strict=True)):
        for tag in _marked_tags():
            _mark(one, tag, number, series)
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        block = one.private_block(0x0099, f"{WORD}private", create=True)
        block.add_new(0x01, "LO", f"{WORD}0099")
        store(one, (values + 1024).astype(np.uint16))
        one.PixelSpacing = [5, 5]
    return slices


def write_identified(folder: Path, series: int = 1) -> None:
    """Write one in files without marks in their names, which are the user's own to choose."""
    write(identified(series), folder, f"IM{series}")


def _marked_tags() -> list[int]:
    kinds = _LETTERS.keys() | _OTHERS.keys() | {"UI"}
    tags = {Tag(tag): entry for tag, entry in DicomDictionary.items() if entry[0] in kinds}
    return [int(tag) for tag, entry in tags.items() if tag.group in _GROUPS and keyword_for_tag(tag) not in _STAYS]


def _mark(one, tag: int, number: int, series: int) -> None:
    kind = DicomDictionary[tag][0]
    if kind == "UI":
        of = {"SOPInstanceUID": f".{series}.{number}", "SeriesInstanceUID": f".{series}"}.get(keyword_for_tag(tag), "")
        value = f"{UID}.{tag}{of}"
    else:
        value = _OTHERS.get(kind) or f"{WORD}{tag:08x}"[: _LETTERS[kind]]
    one.add_new(tag, kind, value)


def _body(shape: tuple[int, int, int]) -> np.ndarray:
    values = np.random.default_rng(1).integers(-30, 30, shape).astype(np.int16) - 100
    values[:, 8:40, 10:50] += 200
    values[2:5, 16:24, 20:30] += 90
    return values
