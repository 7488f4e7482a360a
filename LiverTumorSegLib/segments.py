"""How the labels are shown and what they mean: names, colours, SNOMED CT terms."""

from __future__ import annotations

from dataclasses import dataclass

_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Segment:
    """How one label is shown and what it means.

    Args:
        label: value in the labels.
        name: shown to users.
        rgb: 0 to 255 each.
        category, kind, region: SNOMED CT code and meaning; ``region`` is empty where the kind says it all.
    """

    label: int
    name: str
    rgb: tuple[int, int, int]
    category: tuple[str, str]
    kind: tuple[str, str]
    region: tuple[str, str] | None = None

    @property
    def terminology(self) -> str:
        """The entry as Slicer writes it into the tag ``TerminologyEntry``."""
        region = _code(self.region) if self.region else "^^"
        return f"{_CONTEXT}~{_code(self.category)}~{_code(self.kind)}~^^~{_REGIONS}~{region}~^^"


LIVER = Segment(1, "liver", (221, 130, 101), ("123037004", "Anatomical Structure"), ("10200004", "Liver"))
LESION = Segment(
    2,
    "liver lesion",
    (144, 238, 144),
    ("49755003", "Morphologically Altered Structure"),
    ("4147007", "Mass"),
    ("10200004", "Liver"),
)
SEGMENTS = (LIVER, LESION)


def _code(term: tuple[str, str]) -> str:
    return f"SCT^{term[0]}^{term[1]}"
