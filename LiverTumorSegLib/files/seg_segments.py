"""What the segments of a DICOM segmentation are called (PS3.3, section C.8.20.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .segment_words import is_of_liver, said_by

if TYPE_CHECKING:
    from pydicom import Dataset

_LIVER = "10200004"
_LESIONS = {
    "4147007",  # mass
    "14799000",  # neoplasm, secondary
    "25370001",  # hepatocellular carcinoma
    "52988006",  # lesion
    "86049000",  # malignant neoplasm, primary
    "94381002",  # secondary malignant neoplasm of liver
    "108369006",  # neoplasm
    "126851005",  # neoplasm of liver
    "128462008",  # metastasis
    "300331000",  # lesion of liver
    "372087000",  # neoplasm, primary
}
"""Types of segments in SNOMED CT; pydicom knows the older codes of SNOMED-RT that stand for the same."""


def names(dataset: Dataset) -> dict[int, str]:
    """Each segment's label by its number, with “liver” or “lesion” behind it where only the coded type says so."""
    return {int(segment.SegmentNumber): _name(segment) for segment in dataset.get("SegmentSequence") or ()}


def _name(segment: Dataset) -> str:
    label = "".join(
        letter if letter.isprintable() else "�" for letter in str(segment.get("SegmentLabel") or "")
    ).strip()
    meant = "" if said_by(label) else _meant(segment)
    return f"{label} ({meant})" if label and meant else label or meant


def _meant(segment: Dataset) -> str:
    """What the coded type says; nothing of a lesion that is said to lie in another organ."""
    kind = _term(segment, "SegmentedPropertyTypeCodeSequence")
    if kind is None:
        return ""
    if kind[0] == _LIVER:
        return "liver"
    place = _term(segment, "AnatomicRegionSequence")
    return "lesion" if kind[0] in _LESIONS and (place is None or is_of_liver(place[1])) else ""


def _term(item: Dataset, sequence: str) -> tuple[str, str] | None:
    """Code in SNOMED CT and meaning."""
    from pydicom.sr.coding import Code

    found = item.get(sequence) or ()
    if not found or "CodeValue" not in found[0]:
        return None
    code = Code(found[0].CodeValue, found[0].CodingSchemeDesignator, found[0].get("CodeMeaning", ""))
    wanted = next((each for each in (_LIVER, *sorted(_LESIONS)) if code == Code(each, "SCT", "")), "")
    return wanted, str(code.meaning)
