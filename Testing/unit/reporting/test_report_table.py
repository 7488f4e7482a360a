from dataclasses import replace

from LiverTumorSegLib.reporting.lesion_columns import COLUMNS
from LiverTumorSegLib.reporting.lesions import measure_lesions
from LiverTumorSegLib.reporting.report_table import make_report_table


def rows_of(table):
    return make_report_table(table, table.lesions, lambda lesion: f"picture {lesion.number}")


def test_a_lesion_has_a_cell_in_each_column_and_millimetres_one_decimal(small_phantom):
    table = measure_lesions(small_phantom.labels, small_phantom.volume)
    made = rows_of(table)
    assert COLUMNS["probability"] not in made.columns
    for row in made.rows:
        assert row.picture == f"picture {row.lesion.number}"
        cells = dict(zip(made.columns, row.cells, strict=True))
        for column, cell in cells.items():
            if column.unit == "mm":
                assert len(cell.partition(".")[2]) == 1
        assert cells[COLUMNS["short_axial_diameter_mm"]] == f"{row.lesion.short_axial_diameter_mm:.1f}"


def test_what_is_known_of_one_lesion_stands_below_its_numbers_alone(small_phantom):
    table = measure_lesions(small_phantom.labels, small_phantom.volume)
    first, *others = table.lesions
    made = rows_of(replace(table, lesions=(replace(first, probability=0.876), *others)).with_notes({1: "seen before"}))
    known, unknown = made.rows
    assert [row.cells[made.columns.index(COLUMNS["probability"])] for row in made.rows] == ["88", "—"]
    assert [column.name for column, _ in known.below] == ["Centroid R, A, S", "Note"]
    assert [column.name for column, _ in unknown.below] == ["Centroid R, A, S"]
