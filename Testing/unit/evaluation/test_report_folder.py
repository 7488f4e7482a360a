import json

import pytest
from support.evaluation_cases import save_pair, small_pair

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.evaluation import report
from LiverTumorSegLib.evaluation.case import EvaluationSettings
from LiverTumorSegLib.evaluation.evaluate import evaluate_pairs
from LiverTumorSegLib.evaluation.pairing import find_pairs

SETTINGS = EvaluationSettings(bootstrap=100)


@pytest.fixture
def evaluation(tmp_path):
    for name in ("a", "b"):
        save_pair(tmp_path, name, small_pair())
    return evaluate_pairs(find_pairs(tmp_path / "predictions", tmp_path / "references"), SETTINGS)


def test_all_files_are_written_and_hold_the_content(evaluation, tmp_path):
    pictures = report.draw_worst(evaluation, SETTINGS, 1, 1, Job())
    assert list(pictures) == ["a"]
    report.write(tmp_path / "report", evaluation, pictures)
    assert {path.name for path in (tmp_path / "report").iterdir()} == report.FILE_NAMES
    assert json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8")) == evaluation.content
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "data:image/" in page
    assert (tmp_path / "report" / "cases.csv").read_text(encoding="utf-8").count("\n") == 3
    slices = (tmp_path / "report" / "slices.csv").read_text(encoding="utf-8").splitlines()
    assert len(slices) == 1 + 2 * 8


def test_a_folder_that_is_there_is_replaced_when_told_and_only_what_was_ours(evaluation, tmp_path):
    folder = tmp_path / "report"
    report.write(folder, evaluation, {})
    with pytest.raises(UserError, match="exists already"):
        report.check_folder(folder)
    report.check_folder(folder, overwrite=True)
    report.write(folder, evaluation, {}, overwrite=True)
    (folder / "thesis.docx").write_text("years of work")
    with pytest.raises(UserError, match="holds thesis.docx, which would be lost"):
        report.check_folder(folder, overwrite=True)


def test_a_failure_leaves_nothing_behind(evaluation, tmp_path):
    evaluation.content["command"] = "\ud800"  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        report.write(tmp_path / "report", evaluation, {})
    assert not (tmp_path / "report").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"predictions", "references"}
