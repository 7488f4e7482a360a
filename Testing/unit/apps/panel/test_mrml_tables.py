import numpy as np
import pytest
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.apps.panel.panel import LESION_COLUMNS
from LiverTumorSegLib.reporting.lesions import measure_lesions

pytestmark = pytest.mark.usefixtures("mrml")


@pytest.fixture
def lesions(small_phantom):
    return measure_lesions(small_phantom.labels, small_phantom.volume).to_dict()["lesions"]


def filled(lesions):
    import slicer

    from LiverTumorSegLib.apps.panel import mrml_tables

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "measures")
    mrml_tables.fill(node, lesions)
    return node


def test_every_measure_of_every_lesion_is_a_cell(lesions):
    node = filled(lesions)
    assert node.GetNumberOfRows() == len(lesions) == 2
    assert [node.GetColumnName(n) for n in range(node.GetNumberOfColumns())] == [
        *(heading for heading, *_ in LESION_COLUMNS),
        "note",
    ]
    others = {"centroid_mm", "axial_line_mm", "short_axial_line_mm", "inside_voxel", "liver_segments", "origin", "note"}
    assert {key for _, key, _ in LESION_COLUMNS} | others == set(lesions[0]) | {"r", "a", "s"}


def test_rows_come_back_as_they_went_in(lesions):
    from LiverTumorSegLib.apps.panel.mrml_tables import rows

    for row, lesion in zip(rows(filled(lesions)), lesions, strict=True):
        assert (row["r"], row["a"], row["s"]) == pytest.approx(lesion["centroid_mm"])
        for key in set(row) - set("ras"):
            assert row[key] == pytest.approx(np.nan if lesion[key] is None else lesion[key], nan_ok=True)


def test_filling_again_replaces_everything(lesions):
    from LiverTumorSegLib.apps.panel import mrml_tables

    node = filled(lesions)
    mrml_tables.fill(node, lesions[:1])
    assert node.GetNumberOfRows() == 1
    mrml_tables.fill(node, [])
    assert mrml_tables.rows(node) == []
    assert node.GetNumberOfColumns() == len(LESION_COLUMNS) + 1  # the last holds notes


def test_how_lesions_came_about_is_a_column_before_the_notes_where_it_is_known(lesions):
    from LiverTumorSegLib.apps.panel import mrml_tables

    told = [
        lesions[0] | {"origin": {"automatic": False, "clicks": 2, "corrected": False}, "note": "a cyst"},
        lesions[1],
    ]
    node = filled(told)
    assert [node.GetColumnName(len(LESION_COLUMNS) + n) for n in range(2)] == ["origin", "note"]
    assert mrml_tables.origins(node) == ["2 clicks", ""]
    assert mrml_tables.notes(node) == ["a cyst", ""]
    assert mrml_tables.origins(filled(lesions)) == ["", ""]


def test_a_table_of_an_old_scene_lacks_what_was_not_measured_then(lesions):
    from LiverTumorSegLib.apps.panel import mrml_tables

    node = filled(lesions)
    node.RemoveColumn([key for _, key, _ in LESION_COLUMNS].index("short_axial_diameter_mm"))
    for row, lesion in zip(mrml_tables.rows(node), lesions, strict=True):
        assert np.isnan(row["short_axial_diameter_mm"])
        assert row["axial_diameter_mm"] == pytest.approx(lesion["axial_diameter_mm"])


def test_the_table_cannot_be_edited_by_accident(lesions):
    assert filled(lesions).GetLocked()


def test_what_is_not_known_is_not_a_number(small_phantom):
    from LiverTumorSegLib.apps.panel.mrml_tables import rows

    alone = np.where(small_phantom.labels == 2, 2, 0).astype(np.uint8)
    lesions = measure_lesions(alone, small_phantom.volume, ("background", "lesion")).to_dict()["lesions"]
    for row in rows(filled(lesions)):
        assert {key for key, value in row.items() if np.isnan(value)} == {
            "surface_distance_mm",
            "burden_percent",
            "probability",
        }
