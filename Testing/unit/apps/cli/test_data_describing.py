import json

import pytest

from LiverTumorSegLib.preprocessing import named_chains


@pytest.mark.parametrize("entry", named_chains(), ids=lambda entry: entry.name)
def test_a_published_chain_is_described_without_any_ct(run, entry):
    code, said, complained = run("preprocess", "--chain", entry.name)
    assert (code, complained) == (0, "")
    for words in (entry.source, entry.says, entry.chosen):
        assert words in said
    for step in entry.chain.root:
        assert f"- {step.step}" in said


def test_a_chain_of_ones_own_is_described_by_its_steps(run, tmp_path):
    (tmp_path / "own.json").write_text(json.dumps([{"step": "window", "level": 60, "width": 200}]))
    code, said, _ = run("preprocess", "--chain", tmp_path / "own.json")
    assert code == 0
    assert said.startswith("Steps:\n- window (level 60, width 200)\n")
    assert "The paper" not in said


@pytest.mark.parametrize("words", [("ct.nii.gz",), ("--save", "a.png")])
def test_a_picture_needs_a_ct_and_a_name(run, words):
    code, _, complained = run("preprocess", *words, "--chain", "li")
    assert code == 3
    assert "needs both INPUT and --save: give both, or neither" in " ".join(complained.split())


def test_an_unknown_chain_is_refused_without_a_ct_too(run):
    code, _, complained = run("preprocess", "--chain", "none")
    assert code == 3
    assert "There is no preprocessing chain “none”" in complained
