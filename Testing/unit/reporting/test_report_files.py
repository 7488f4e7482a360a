import json

import numpy as np
import pytest
from scipy import ndimage

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.reporting import lesions, report_files
from LiverTumorSegLib.reporting.lesions import measure_lesions


def test_three_files_are_written_and_an_existing_one_is_kept(segmentation, tmp_path):
    table = measure_lesions(segmentation.labels, segmentation.volume)
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


def test_every_lesion_stands_in_the_files_though_the_page_shows_the_largest(segmentation, tmp_path, monkeypatch):
    monkeypatch.setattr(report_files, "MANY_LESIONS", 1)
    monkeypatch.setattr(lesions, "MANY_LESIONS", 1)
    table = measure_lesions(segmentation.labels, segmentation.volume)
    report_files.write(tmp_path, segmentation, table)
    facts = json.loads((tmp_path / "lesions.json").read_text())
    assert len((tmp_path / "lesions.csv").read_text().splitlines()) == 1 + len(facts["lesions"]) == 3
    assert facts["warnings"][-1].startswith("2 lesions are more than")
    assert (tmp_path / "report.html").read_text().count("axial slice of lesion") == 1


def test_the_page_says_how_likely_each_lesion_is_where_that_is_known(segmentation, tmp_path):
    levels = np.zeros(segmentation.labels.shape, np.float32)
    table = measure_lesions(segmentation.labels, segmentation.volume, probabilities=levels)
    assert "Probability" not in report_files.render_page(segmentation, table)
    parts, _ = ndimage.label(segmentation.labels == 2)
    levels[parts == 1] = 0.87
    table = measure_lesions(segmentation.labels, segmentation.volume, probabilities=levels)
    page = report_files.render_page(segmentation, table)
    assert page.count(">Probability <") == 1
    assert "<td>87</td>" in page
    assert page.count("<td>—</td>") >= 1  # the other one was painted
