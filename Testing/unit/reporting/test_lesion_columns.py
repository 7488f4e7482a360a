from LiverTumorSegLib.reporting.lesion_columns import COLUMNS
from LiverTumorSegLib.reporting.lesions import Lesion


def test_every_column_is_a_measure_and_its_short_name_a_part_of_its_name():
    for name, column in COLUMNS.items():
        assert name in Lesion.__dataclass_fields__
        assert column.short.replace("\n", " ").rstrip(".").casefold() in column.name.casefold()


def test_a_heading_has_its_unit_in_a_line_below():
    assert COLUMNS["volume_ml"].heading == "Volume\n(ml)"
    assert COLUMNS["slice"].heading == "Slice"
