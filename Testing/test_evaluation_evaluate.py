import json

import pytest
from evaluation_cases import save, save_pair, small_pair

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.evaluation.evaluate import evaluate
from LiverTumorSegLib.evaluation.pairs.pairing import find
from LiverTumorSegLib.evaluation.settings import Settings

SETTINGS = Settings(resamples=100)


def test_the_content_says_what_was_measured_and_how(tmp_path):
    save_pair(tmp_path, "b", small_pair())
    save_pair(tmp_path, "a", small_pair())
    save(tmp_path / "references" / "c.nii.gz", small_pair().reference)
    result = evaluate(find(tmp_path / "predictions", tmp_path / "references"), SETTINGS, command="as typed")
    content = result.content
    assert list(content) == ["format", "software", "command", "settings", "definitions", "cases", "failed", "summary"]
    assert (content["command"], content["settings"]["connectivity"]) == ("as typed", 18)
    assert list(content["cases"]) == list(result.cases) == list(result.pairs) == ["a", "b"]
    assert list(content["failed"]) == ["c"]
    assert (content["summary"]["cases"], content["summary"]["failed"]) == (2, 1)
    json.dumps(content, allow_nan=False)


def test_where_nothing_can_be_measured_the_reason_is_said(tmp_path):
    pair = small_pair()
    for name in ("a", "b"):
        save(tmp_path / "predictions" / f"{name}.nii.gz", pair.prediction[:4])
        save(tmp_path / "references" / f"{name}.nii.gz", pair.reference)
    matches = find(tmp_path / "predictions", tmp_path / "references")
    with pytest.raises(UserError, match=r"a\.nii\.gz .*1 more case could not be measured either\."):
        evaluate(matches, SETTINGS)
