import json

import pytest

from LiverTumorSegLib import report_files
from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.lesions import measure


def test_three_files_are_written_and_an_existing_one_is_kept(segmentation, tmp_path):
    table = measure(segmentation.labels, segmentation.volume)
    paths = report_files.write(tmp_path / "report", segmentation, table)
    assert sorted(p.name for p in paths) == ["lesions.csv", "lesions.json", "patient.csv", "report.html"]
    assert json.loads((tmp_path / "report" / "lesions.json").read_text())["lesion_count"] == len(table.lesions)
    with pytest.raises(UserError, match="exists already"):
        report_files.write(tmp_path / "report", segmentation, table)


def test_a_folder_is_checked_before_the_work(tmp_path):
    report_files.check(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "lesions.json").touch()
    with pytest.raises(UserError, match="lesions.json exists already"):
        report_files.check(tmp_path)
    report_files.check(tmp_path, overwrite=True)
    with pytest.raises(UserError, match="cannot be written"):
        report_files.check(tmp_path / "lesions.json")
