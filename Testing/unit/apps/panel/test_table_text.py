from LiverTumorSegLib.apps.panel.panel import LESION_COLUMNS
from LiverTumorSegLib.apps.panel.table_text import table_text

ROW = {key: 1.25 for _, key, _ in LESION_COLUMNS}


def test_the_csv_has_origins_before_notes_where_there_are_some():
    heading, first, _second = table_text([ROW, ROW], "\t", ["a cyst", ""], ["1 click", ""]).splitlines()
    assert heading.split("\t")[-2:] == ["origin", "note"]
    assert first.split("\t")[-2:] == ["1 click", "a cyst"]
    assert "origin" not in table_text([ROW], "\t", ["a cyst"], [""])


def test_the_livers_segments_stand_before_both_as_in_the_headless_csv():
    heading, first = table_text([ROW], "\t", ["a cyst"], ["1 click"], ["VII VI"]).splitlines()
    assert heading.split("\t")[-3:] == ["liver_segments", "origin", "note"]
    assert first.split("\t")[-3:] == ["VII VI", "1 click", "a cyst"]
    assert "liver_segments" not in table_text([ROW], "\t", liver_segments=[""])
    assert table_text([ROW], "\t", liver_segments=["-"]).splitlines()[1].endswith("\t-")
