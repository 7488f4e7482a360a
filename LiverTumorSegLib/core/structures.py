"""Structures beside liver and lesions that models from elsewhere find, with labels, colours and SNOMED CT terms.

Codes of Couinaud's segments are those of DICOM's context group CID 7170, of the others those of CID 7154 and CID
12114.
"""

from __future__ import annotations

from .labels import LIVER, Segment

_ANATOMY = ("123037004", "Anatomical Structure")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
_SEGMENT_CODES = (
    "71133005", "277956007", "277957003", "277958008", "277959000", "277960005", "277961009", "277962002",
)  # fmt: skip
_SEGMENT_COLOURS = (
    (176, 122, 161), (237, 201, 72), (118, 183, 178), (89, 161, 79),
    (242, 142, 43), (78, 121, 167), (255, 157, 167), (156, 117, 95),
)  # fmt: skip
_FIRST_SEGMENT = 11


def _structure(label: int, name: str, rgb: tuple[int, int, int], code: str, meaning: str) -> Segment:
    return Segment(label, name, rgb, _ANATOMY, (code, meaning))


_VESSELS = Segment(3, "liver vessels", (0, 151, 206), _ANATOMY, ("59820001", "Blood vessel"), LIVER.kind)


STRUCTURES: dict[str, Segment] = {
    "liver_vessels": _VESSELS,
    "hepatic_veins": _structure(4, "hepatic veins", (0, 112, 165), "8993003", "Hepatic vein"),
    "portal_vein": _structure(5, "portal vein", (0, 151, 160), "32764006", "Portal vein"),
    "gallbladder": _structure(6, "gallbladder", (139, 150, 98), "28231008", "Gallbladder"),
    "spleen": _structure(7, "spleen", (157, 108, 162), "78961009", "Spleen"),
} | {
    f"liver_segment_{number}": _structure(
        _FIRST_SEGMENT + number - 1, f"liver segment {roman}", rgb, code, f"Couinaud hepatic segment {roman}"
    )
    for number, (roman, code, rgb) in enumerate(zip(_ROMAN, _SEGMENT_CODES, _SEGMENT_COLOURS, strict=True), start=1)
}
"""By the name that a model's description has."""

BY_LABEL = {segment.label: name for name, segment in STRUCTURES.items()}
LIVER_SEGMENTS = tuple(name for name in STRUCTURES if name.startswith("liver_segment_"))
"""Couinaud's eight, which together are the liver."""
