import json
import shutil

import numpy as np
from support.closer_models import LEVELLED
from support.evaluation_cases import save
from support.models import change_description

from LiverTumorSegLib.datasets import phantom


def closer_of(folder, tmp_path):
    """A model folder of a network that looks closer."""
    shutil.copytree(folder, tmp_path / "closer")
    change_description(tmp_path / "closer", name="closer", preprocessing=LEVELLED)
    return tmp_path / "closer"


def test_two_models_are_joined_and_used_as_one(run, model_folder, tmp_path):
    closer, both = closer_of(model_folder, tmp_path), tmp_path / "both"
    code, said, complained = run("models", "join", model_folder, closer, "-o", both)
    assert (code, complained) == (0, "")
    assert f"use it with --model {both}" in said
    assert json.loads((both / "model.json").read_text())["closer"]["preprocessing"] == LEVELLED
    ct = tmp_path / "ct.nii.gz"
    made = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=1).volume
    save(ct, made.voxels, dtype=np.int16, affine=made.affine)
    code, _, complained = run("segment", ct, "-o", tmp_path / "labels.nii.gz", "--model", both, "--device", "cpu")
    assert code == 0, complained
    code, said, _ = run("models", "info", both)
    assert "looks closer at the liver that the first finds" in " ".join(said.split())


def test_what_is_there_is_not_replaced_unasked(run, model_folder, tmp_path):
    closer, both = closer_of(model_folder, tmp_path), tmp_path / "both"
    assert run("models", "join", model_folder, closer, "-o", both)[0] == 0
    code, _, complained = run("models", "join", model_folder, closer, "-o", both)
    assert (code, str(both) in complained) == (3, True)
    assert run("models", "join", model_folder, closer, "-o", both, "--overwrite")[0] == 0


def test_a_joined_model_is_split_and_joined_again(run, model_folder, tmp_path):
    both, parts = tmp_path / "both", tmp_path / "parts"
    run("models", "join", model_folder, closer_of(model_folder, tmp_path), "-o", both)
    code, said, complained = run("models", "split", both, "-o", parts)
    assert (code, complained) == (0, "")
    assert f"Wrote {parts / 'first'} and {parts / 'closer'}" in " ".join(said.split())
    assert run("models", "split", both, "-o", parts)[0] == 3
    assert run("models", "split", both, "-o", parts, "--overwrite")[0] == 0
    assert run("models", "join", parts / "first", parts / "closer", "-o", tmp_path / "again")[0] == 0
    weights = [(folder / "weights.safetensors").read_bytes() for folder in (both, tmp_path / "again")]
    assert weights[0] == weights[1]


def test_a_model_that_looks_closer_cannot_be_used_alone(run, model_folder, tmp_path):
    closer = closer_of(model_folder, tmp_path)
    code, _, complained = run("segment", tmp_path / "ct.nii.gz", "-o", tmp_path / "out.nii.gz", "--model", closer)
    assert (code, "livertumorseg models join" in complained) == (3, True)
    code, _, complained = run("export", closer, "-o", tmp_path / "onnx", "--format", "torch-export")
    assert (code, "join the two first" in complained) == (3, True)


def test_an_export_says_that_the_second_network_is_left_out(run, model_folder, tmp_path):
    closer, both = closer_of(model_folder, tmp_path), tmp_path / "both"
    run("models", "join", model_folder, closer, "-o", both)
    code, _, complained = run("export", both, "-o", tmp_path / "made", "--format", "torch-export")
    assert code == 0, complained
    assert "a second network look closer at the liver, which is no part of this export" in " ".join(
        (tmp_path / "made" / "README.md").read_text().split()
    )
