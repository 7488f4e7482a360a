import json

import numpy as np
import pytest
from support.evaluation_cases import pair_of, save, save_pair, small_pair

from LiverTumorSegLib.evaluation.case import EvaluationSettings
from LiverTumorSegLib.evaluation.evaluate import NothingMeasured, evaluate_pairs
from LiverTumorSegLib.evaluation.pairing import find_pairs

SETTINGS = EvaluationSettings(bootstrap=100)


def test_the_content_says_what_was_measured_and_how(tmp_path):
    save_pair(tmp_path, "b", small_pair())
    save_pair(tmp_path, "a", small_pair())
    save(tmp_path / "references" / "c.nii.gz", small_pair().reference)
    result = evaluate_pairs(find_pairs(tmp_path / "predictions", tmp_path / "references"), SETTINGS, command="as typed")
    content = result.content
    keys = ["format", "software", "command", "settings", "definitions", "cases", "failed", "warnings", "summary"]
    assert list(content) == keys
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
    matches = find_pairs(tmp_path / "predictions", tmp_path / "references")
    with pytest.raises(NothingMeasured, match=r"a\.nii\.gz .*1 more could not be measured either\.") as refused:
        evaluate_pairs(matches, SETTINGS)
    assert list(refused.value.failed) == ["a", "b"]


def test_labels_that_may_stand_for_something_else_are_doubted(tmp_path):
    pair = small_pair()
    lesion = pair_of(np.where(pair.reference == 2, 1, 0), pair.reference)
    save_pair(tmp_path, "a", lesion)
    content = evaluate_pairs(find_pairs(tmp_path / "predictions", tmp_path / "references"), SETTINGS).content
    assert content["cases"]["a"]["warnings"] == [
        "Most of what the prediction marks with 1 is lesion in the reference: does 1 stand for lesions?"
    ]
    assert content["warnings"] == ["No prediction marks a lesion (label 2), and references do."]
    save_pair(tmp_path, "a", pair_of(np.where(pair.reference == 2, 2, 0), pair.reference))
    content = evaluate_pairs(find_pairs(tmp_path / "predictions", tmp_path / "references"), SETTINGS).content
    assert "marks lesions but no liver" in content["cases"]["a"]["warnings"][0]
    assert content["warnings"] == []
    save_pair(tmp_path, "a", pair_of(pair.prediction, pair.reference > 0))
    content = evaluate_pairs(find_pairs(tmp_path / "predictions", tmp_path / "references"), SETTINGS).content
    assert content["warnings"] == ["No reference marks a lesion (label 2): figures of lesions compare with nothing."]
