import csv
import io
import json
import re
from dataclasses import replace

import pytest
from support.follow_up_cases import AFTER, BEFORE, compared, earlier

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up import pictures, report
from LiverTumorSegLib.follow_up.comparison import compare_scans
from LiverTumorSegLib.follow_up.scan import Scan
from LiverTumorSegLib.follow_up.series import Series


@pytest.fixture(scope="module")
def series():
    return Series((compared(),))


def test_page_table_and_facts_say_the_same(series, tmp_path):
    files = report.write(tmp_path / "out", series)
    assert [file.name for file in files] == list(report.FILE_NAMES)
    page, table, facts = (file.read_text(encoding="utf-8") for file in files)
    rows = list(csv.DictReader(io.StringIO(table)))
    told = json.loads(facts)["comparisons"][0]["changes"]
    assert [row["what"] for row in rows] == [one["what"] for one in told] == [row.kind for row in compared().changes]
    for change, row in zip(compared().changes, rows, strict=True):
        assert f">{row['what']}</td>" in page
        if change.before and change.after:
            assert "{:.2f} → {:.2f}".format(*change.ml) in page
            assert float(row["volume_after_ml"]) == pytest.approx(change.ml[1], abs=1e-3)
    new = next(row for row in rows if row["what"] == "new")
    assert new["volume_before_ml"] == new["volume_change_percent"] == new["doubling_days"] == ""
    assert "not a medical device" in page
    assert "what is smaller than about two slices (7 mm here)" in page


def test_it_names_days_and_no_dates_and_asks_no_other_machine(series):
    page, facts = report.render_page(series), json.dumps(report.facts(series))
    for taken in (BEFORE, AFTER):
        assert taken.isoformat() not in page + facts
        assert str(taken.year) not in re.sub(r"base64,[^\"]+", "", facts)
    assert "100 days" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_the_arithmetic_is_that_of_the_sum(series):
    page, found = report.render_page(series), compared().sum_of_diameters
    assert f"“{found.category}”" in page
    assert f"{found.now_mm:.1f} mm now" in page


def test_names_are_text(series):
    hostile = replace(compared(), earlier=replace(earlier(), name="<script>alert(1)</script>"))
    assert "<script>" not in report.render_page(Series((hostile,)))


def test_without_lesions_there_is_a_page_too():
    scan = earlier()
    healthy = Scan.measured("a.nii.gz", scan.volume, (scan.labels > 0).astype("uint8"))
    page = report.render_page(Series((compare_scans(healthy, replace(healthy, name="b.nii.gz")),)))
    assert "Neither CT has a lesion" in page


def test_of_many_lesions_the_first_are_pictured_and_the_largest_drawn_and_none_is_said_not_to_be_covered(
    series, monkeypatch
):
    monkeypatch.setattr(report, "MOST_PICTURES", 0)
    monkeypatch.setattr(pictures, "MOST_CURVES", 2)
    page = report.render_page(series)
    assert page.count("<img") == 0
    assert page.count("nothing marked") == 2
    assert "not covered" not in page
    assert page.count("<polyline") == 3  # and the sum
    assert "The largest 2 of 5 lesions." in page


def test_nothing_is_overwritten_unasked(series, tmp_path):
    report.write(tmp_path, series)
    with pytest.raises(UserError, match=r"follow-up.json exists already|changes.csv exists already|exists already"):
        report.check(tmp_path)
    with pytest.raises(UserError, match="exists already"):
        report.write(tmp_path, series)
    report.write(tmp_path, series, overwrite=True)
