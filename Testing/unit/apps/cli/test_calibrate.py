import json
import shutil

import numpy as np
import pytest
from support.lesion_scores import by_size
from support.training_cases import RECIPE, make_data

from LiverTumorSegLib.io import nifti
from LiverTumorSegLib.models import store

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments import calibration


@pytest.fixture
def compared(run, tmp_path):
    """A cross-validation of phantoms, in whose place of two steps of training stands the model that ships."""
    (tmp_path / "quick.yaml").write_text(RECIPE)
    data = make_data(tmp_path / "data")
    fixed = ["--data", data, "-o", tmp_path / "cv", "--device", "cpu", "--folds", "3", "--set", "schedule.steps=2"]
    assert run("compare", tmp_path / "quick.yaml", *fixed)[0] == 0
    for trained in (tmp_path / "cv" / "trials" / "quick").glob("fold-*/model"):
        shutil.rmtree(trained)
        shutil.copytree(store.find_model(), trained)
    return ["calibrate", tmp_path / "cv", "--data", data, "--device", "cpu"]


@pytest.fixture
def few_suffice(monkeypatch):
    monkeypatch.setattr(calibration, "_FEWEST", 0)
    monkeypatch.setattr(calibration, "_fit", lambda _: by_size())


def test_the_model_gets_scores_and_every_patient_its_files(run, compared, few_suffice, model_folder, tmp_path):
    code, said, complained = run(*compared, "--model", model_folder, "-o", tmp_path / "files")
    assert (code, complained) == (0, "")
    assert "3 patients; Brier score" in said
    described = json.loads((model_folder / "model.json").read_text())
    assert described["lesion_scores"]["points"]
    assert described["seen_cts"]["slice_mm"] == {"low": 20.0, "high": 20.0}
    assert "--model" in described["figures"]["command"]
    assert "Trained otherwise than the model itself" in described["figures"]["remark"]
    names = [f"volume-{n}" for n in range(3)]
    assert sorted(path.name for path in (tmp_path / "files" / "predictions").iterdir()) == [
        f"{n}.nii.gz" for n in names
    ]
    for name in names:
        labels = nifti.read(tmp_path / "files" / "predictions" / f"{name}.nii.gz").values
        scores = nifti.read(tmp_path / "files" / "scores" / f"{name}_lesion.nii.gz").values
        assert ((labels == 2) <= (scores > 0)).all()
        assert (tmp_path / "files" / "references" / f"{name}.nii.gz").is_file()
        assert (tmp_path / "files" / "probabilities" / f"{name}_liver.nii.gz").is_file()
    files = [str(tmp_path / "files" / each) for each in ("predictions", "references", "scores")]
    code, said, _ = run("evaluate", *files[:2], "--probabilities", files[2], "--errors", "-o", tmp_path / "page")
    assert code == 0
    assert "How sure it is" in next((tmp_path / "page").glob("*.html")).read_text()
    code, _, complained = run(*compared, "-o", tmp_path / "files")
    assert code == 3
    assert "is not empty" in complained


def test_too_few_candidates_are_one_sentence(run, compared):
    code, _, complained = run(*compared)
    assert code == 3
    assert "so take more patients" in complained


@pytest.mark.parametrize("made", ["nothing", "two recipes"])
def test_a_folder_without_a_cross_validation_is_refused(run, tmp_path, made):
    if made == "two recipes":
        for name in ("one", "two"):
            (tmp_path / "cv" / "trials" / name).mkdir(parents=True)
    (tmp_path / "cv").mkdir(exist_ok=True)
    code, _, complained = run("calibrate", tmp_path / "cv", "--data", tmp_path)
    assert code == 3
    assert ("compares several recipes" if made == "two recipes" else "holds no fold that was trained") in complained


def test_probabilities_of_the_files_are_those_of_the_network(run, compared, few_suffice, tmp_path):
    assert run(*compared, "-o", tmp_path / "files")[0] == 0
    for path in (tmp_path / "files" / "probabilities").iterdir():
        values = nifti.read(path)
        assert np.asarray(values.values).max() * values.slope <= 1 + 1e-6
