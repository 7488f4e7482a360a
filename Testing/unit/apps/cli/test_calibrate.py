import json
import shutil

import numpy as np
import pytest
from support.closer_models import LEVELLED
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
    assert "exists already" in complained
    stale = tmp_path / "files" / "predictions" / "volume-99.nii.gz"
    stale.write_bytes(b"of an earlier run")
    code, _, complained = run(*compared, "-o", tmp_path / "files", "--overwrite")
    assert code == 0, complained
    assert not stale.exists()


def test_a_second_cross_validation_looks_closer(run, compared, few_suffice, tmp_path):
    """Its recipe's two steps of training stay, which see next to nothing, so that the mean of both is less sure."""
    data = compared[3]
    fixed = ["--data", data, "--device", "cpu", "--set", "schedule.steps=2", "--split", tmp_path / "cv" / "split.json"]
    levelled = json.dumps(LEVELLED)
    closer = ["--set", f"preprocessing={levelled}", "--set", "name=closer"]
    closer += ["--set", 'licence={"name": "CC-BY-NC-SA-4.0", "terms": "as that of the model that ships."}']
    code, said, complained = run("compare", tmp_path / "quick.yaml", *fixed, *closer, "-o", tmp_path / "closer")
    assert code == 0, (said, complained)
    measured = json.loads((tmp_path / "closer" / "comparison.json").read_text())
    assert len(measured["results"]["closer"]) == 3
    for folder, more in (("first", []), ("both", ["--closer", tmp_path / "closer"])):
        assert run(*compared, *more, "-o", tmp_path / folder)[0] == 0
    seen = [
        nifti.read(tmp_path / each / "probabilities" / "volume-0_lesion.nii.gz").values for each in ("first", "both")
    ]
    assert seen[0].shape == seen[1].shape
    assert not np.array_equal(*seen)


def test_folds_of_other_patients_are_refused(run, compared, tmp_path):
    shutil.copytree(tmp_path / "cv", tmp_path / "closer")
    record = tmp_path / "closer" / "trials" / "quick" / "fold-0" / "patients.json"
    said = json.loads(record.read_text())
    said["patients"] = {"volume-9": next(iter(said["patients"].values()))}
    record.write_text(json.dumps(said))
    code, _, complained = run(*compared, "--closer", tmp_path / "closer")
    assert code == 3
    assert "holds other folds than the models that find the liver: run livertumorseg compare for both" in complained


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
