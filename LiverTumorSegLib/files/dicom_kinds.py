"""What a DICOM file is, by the SOP class that it states of itself (PS3.4, annex B.5)."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError
from .dicom_scan import head, looks_like_dicom

_SOP_CLASS = re.compile(rb"(?:\x02\x00\x02\x00|\x08\x00\x16\x00)....([0-9.]{1,64})", re.DOTALL)
_HEAD_BYTES = 1 << 16
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_SEGMENTATIONS = (_STORAGE + "66.4", _STORAGE + "66.7")
"""Of segments a bit each, and label maps."""

_OTHERS = {
    _STORAGE + "2": "one CT image: give the folder of its series",
    _STORAGE + "4": "an MR image: give a CT, or its segmentation",
    _STORAGE + "11.": "a presentation state: give the segmentation itself",
    _STORAGE + "66.5": "a surface segmentation: export one of voxels",
    _STORAGE + "88.": "a structured report: give the segmentation beside it",
    _STORAGE + "481.3": "an RT structure set of contours: export a segmentation of voxels",
    "1.2.840.10008.1.3.10": "a DICOMDIR, a table of contents: give the folder of a series",
}
"""How the UIDs of other kinds begin, and what to do about them; the longest that fits counts."""


def is_segmentation(path: Path) -> bool:
    """Whether a file is a DICOM segmentation."""
    return looks_like_dicom(path) and _sop_class(path) in _SEGMENTATIONS


def refuse_other_kinds(path: Path) -> None:
    """Refuse a DICOM file that is no segmentation.

    Raises:
        UserError: it is another kind of object, or no DICOM.
    """
    uid = _sop_class(path)
    if uid in _SEGMENTATIONS:
        return
    fitting = max((start for start in _OTHERS if uid.startswith(start)), key=len, default="")
    if fitting in (_STORAGE + "2", _STORAGE + "4") and uid[len(fitting) :][:1] not in ("", "."):
        fitting = ""  # 1.2.840.10008.5.1.4.1.1.20 is no 1.2.840.10008.5.1.4.1.1.2
    what = _OTHERS.get(fitting, "a DICOM file of another kind than is read here: give a CT series' folder, or a SEG")
    msg = f"{path} is {what}." if uid else f"{path} is no DICOM file that says what it is: get or export it again."
    raise UserError(msg)


def _sop_class(path: Path) -> str:
    found = _SOP_CLASS.search(head(path, _HEAD_BYTES))
    return found[1].decode() if found else ""
