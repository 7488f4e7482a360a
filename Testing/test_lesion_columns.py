import dataclasses

from LiverTumorSegLib.lesion_columns import COLUMNS
from LiverTumorSegLib.lesions import Lesion


def test_every_measure_of_a_lesion_has_one_column():
    assert len({heading for heading, *_ in COLUMNS}) == len(COLUMNS)
    measures = {field.name for field in dataclasses.fields(Lesion)} - {
        "centroid_mm",
        "axial_line_mm",
        "short_axial_line_mm",
    }
    assert sorted(key for _, key, _ in COLUMNS) == sorted([*measures, "r", "a", "s"])


def test_what_counts_is_a_whole_number():
    assert [key for _, key, kind in COLUMNS if kind is int] == ["number", "slice"]
