import dataclasses

from LiverTumorSegLib.apps.panel.panel import LESION_COLUMNS
from LiverTumorSegLib.reporting.lesions import Lesion


def test_every_measure_of_a_lesion_has_one_column():
    assert len({heading for heading, *_ in LESION_COLUMNS}) == len(LESION_COLUMNS)
    measures = {field.name for field in dataclasses.fields(Lesion)} - {
        "centroid_mm",
        "axial_line_mm",
        "short_axial_line_mm",
        "inside_voxel",
        "liver_segments",
        "origin",
        "note",
    }
    assert sorted(key for _, key, _ in LESION_COLUMNS) == sorted([*measures, "r", "a", "s"])


def test_what_counts_is_a_whole_number():
    assert [key for _, key, kind in LESION_COLUMNS if kind is int] == ["number", "slice"]
