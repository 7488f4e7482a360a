"""Names of a lesion's measures, the one home of the headings in panel, browser, report and their tool tips.

The words are those of the CSV's names. Where a column has to be narrow it has the first of them alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LesionColumn:
    """What a measure is called.

    Args:
        name: in full, as the report has it.
        short: where there is little room.
        unit: ml, mm, % or HU; empty for none.
        meaning: a sentence, for a tool tip; the terms of RECIST 1.1 (Eisenhauer et al. 2009) where they are meant.
    """

    name: str
    short: str
    unit: str
    meaning: str

    @property
    def heading(self) -> str:
        """The short name with its unit in a line below."""
        return f"{self.short}\n({self.unit})" if self.unit else self.short


COLUMNS = {
    "number": LesionColumn("No.", "No.", "", "Number of the lesion, as in the views and the report"),
    "probability": LesionColumn(
        "Probability",
        "Prob.",
        "%",
        "How likely it is a lesion at all, in percent, by a cross-validation; empty where the model does not say",
    ),
    "volume_ml": LesionColumn("Volume", "Volume", "ml", "Volume in ml"),
    "axial_diameter_mm": LesionColumn(
        "Axial diameter",
        "Axial",
        "mm",
        "Longest diameter in an axial slice, in mm: the longest diameter of RECIST 1.1",
    ),
    "short_axial_diameter_mm": LesionColumn(
        "Short axis", "Short", "mm", "Short axis: the longest diameter at right angles to it in the same slice, in mm"
    ),
    "diameter_mm": LesionColumn("3D diameter", "3D", "mm", "Longest diameter in any direction, in mm"),
    "mean_hu": LesionColumn("Mean HU", "Mean\nHU", "", "Mean Hounsfield units of its voxels"),
    "sd_hu": LesionColumn("SD HU", "SD\nHU", "", "Standard deviation of the Hounsfield units of its voxels"),
    "surface_distance_mm": LesionColumn(
        "Surface distance",
        "Surface",
        "mm",
        "How far it lies from the liver’s surface, in mm; 0 where it reaches it",
    ),
    "burden_percent": LesionColumn("Burden", "Burden", "%", "Its share of the liver, lesions included, in percent"),
    "slice": LesionColumn(
        "Slice", "Slice", "", "The axial slice in which its diameters were measured, counted from 1 at the feet"
    ),
    "centroid_mm": LesionColumn(
        "Centroid R, A, S", "Centroid", "mm", "Its centre of mass, towards the patient’s right, front and head"
    ),
    "liver_segments": LesionColumn(
        "Liver segments",
        "Segments",
        "",
        "Couinaud's segments of the liver that hold at least a tenth of it, the one with most first",
    ),
    "origin": LesionColumn(
        "Origin",
        "Origin",
        "",
        "How it was marked: by the model, by your clicks, or painted; and whether it was then corrected",
    ),
    "note": LesionColumn(
        "Note", "Note", "", "What you noted about it: saved with the scene, in the CSV and in both reports"
    ),
}
"""By the names of :class:`LiverTumorSegLib.reporting.lesions.Lesion` and of the CSV, in the order of the report."""
