import json
import signal

import numpy as np
import pytest
from support.dataset_cases import labels, write_lits

pytest.importorskip("yaml", reason="needs PyYAML: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.planning import fingerprint


@pytest.fixture
def lits(tmp_path, monkeypatch):
    """Three CTs, and a fourth without its labels."""
    monkeypatch.setattr(fingerprint, "DRAWN", 10_000)
    for number in range(3):
        write_lits(tmp_path / "lits", number)
    (tmp_path / "lits" / "volume-9.nii").touch()
    return tmp_path / "lits"


def test_a_plan_is_shown_and_written(run, lits, tmp_path):
    code, said, complained = run("plan", lits, "-o", tmp_path / "plan")
    assert code == 0
    (row,) = [line.split() for line in said.splitlines() if "3d_fullres " in line]
    assert row == ["3d_fullres", "2.00×0.90×0.80", "8×20×24", "2", "3"]
    names = ("nnunet-plans.json", "dataset_fingerprint.json", "2d.yaml", "3d_fullres.yaml")
    plans, seen, slices, whole = (tmp_path / "plan" / name for name in names)
    assert said.splitlines()[-1] == f"Wrote {plans}, {seen}, {slices} and {whole}. Research only, not a medical device."
    assert "volume-9 was left out: it has no segmentation." in complained
    assert "volume-0, volume-1, volume-2: It covers 16 mm" in complained


def test_memory_and_configuration_are_chosen(run, lits, tmp_path):
    out = tmp_path / "plan"
    code, _, _ = run("plan", lits, "-o", out, "--memory", 4, "--configuration", "2d")
    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == ["2d.yaml", "dataset_fingerprint.json", "nnunet-plans.json"]
    assert "planned for 4 GB" in (out / "2d.yaml").read_text().replace("\n# ", " ")
    assert list(json.loads((out / "nnunet-plans.json").read_text())["configurations"]) == ["2d", "3d_fullres"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--configuration", "3d_lowres"), "nnU-Net plans no 3d_lowres for these CTs: choose 2d or 3d_fullres."),
        (("--output", "lits"), "lits exists already"),
        (("--output", "lits", "--overwrite"), "which would be lost: choose another folder"),
        (("--output", "lits/volume-0.nii/plan"), "cannot be written"),
    ],
)
def test_bad_options_are_one_sentence(run, lits, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    code, _, complained = run("plan", "lits", "-o", "plan", *options)
    assert (code, complained.count("\n")) == (3, 1)
    assert said in complained
    assert not (tmp_path / "plan").exists()


def test_bad_data_are_one_sentence(run, lits, tmp_path):
    bad = {
        tmp_path / "none": "is not a folder: give the folder of a data set",
        tmp_path / "empty": "holds no data set of a known kind",
        tmp_path / "torn": "volume-1.nii",
        tmp_path / "tiny": "too few to halve",
    }
    (tmp_path / "empty").mkdir()
    write_lits(tmp_path / "torn", 0)
    write_lits(tmp_path / "torn", 1)
    (tmp_path / "torn" / "volume-1.nii").write_bytes(b"no")
    tiny = labels()[2:5, 4:9, 4:9].copy()
    write_lits(tmp_path / "tiny", 0, voxels=np.arange(75, dtype=np.int16).reshape(tiny.shape), marked=tiny)
    for folder, said in bad.items():
        code, _, complained = run("plan", folder, "-o", tmp_path / "plan")
        assert (code, complained.count("\n"), said in complained) == (3, 1, True), complained
        assert not (tmp_path / "plan").exists()


def test_ctrl_c_ends_it_between_two_cts(run, lits, tmp_path, monkeypatch):
    taken = fingerprint.nonzero_box

    def interrupted(voxels):
        signal.raise_signal(signal.SIGINT)
        return taken(voxels)

    monkeypatch.setattr(fingerprint, "nonzero_box", interrupted)
    code, _, complained = run("plan", lits, "-o", tmp_path / "plan")
    assert (code, complained) == (130, "Cancelled; nothing was written.\n")
    assert not (tmp_path / "plan").exists()
