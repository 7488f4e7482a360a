"""Several models in the worker's commands: what segmenting hands over, and what comes back to be measured."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.model_sets import LESION, VESSEL, marked, scene, segments_model, vessel_model
from support.nnunet_models import write_banded_model

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.apps.worker.handed_layers import unstacked
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(folder))
    write_banded_model(folder / "lesions", ["background", "lesion", ""], [-30, 40], name="lesions")
    write_banded_model(folder / "livers", ["background", "liver", ""], [40, 80], name="livers")
    vessel_model(folder)
    segments_model(folder)
    return {"model": "lesions", "liver_model": "livers", "also": ["vessels", "couinaud"], "device": "cpu"}


@pytest.fixture
def volume(tmp_path):
    ct = scene()
    arrays.write(tmp_path / "ct.nrrd", ct.voxels, ct.affine)
    return str(tmp_path / "ct.nrrd")


@pytest.fixture
def segmented(models, volume, tmp_path):
    files = {"volume": volume, "labels": str(tmp_path / "labels.nrrd"), "others": str(tmp_path / "others.nrrd")}
    commands = Commands()
    return commands, files, commands.run("segment", {**files, **models, "options": {}}, Job())


def test_models_are_checked_together_before_there_is_work_for_them(models):
    commands = Commands()
    assert commands.run("load_model", models, Job())["name"] == "lesions"
    with pytest.raises(UserError, match="finds no liver"):
        commands.run("load_model", models | {"liver_model": "vessels"}, Job())


def test_other_structures_are_handed_over_in_a_file_for_each_model(segmented):
    _, files, answer = segmented
    assert [each["model"] for each in answer["structures"]] == ["vessels", "couinaud"]
    vessels, couinaud = (each.layer for each in unstacked(Path(files["others"]), answer["structures"]))
    assert np.array_equal(vessels.labels > 0, marked(VESSEL))
    assert [segment.name for segment in couinaud.segments] == ["liver segment II", "liver segment VI"]
    labels, _ = arrays.read(Path(files["labels"]))
    assert (labels[LESION] > 1).all()
    assert answer["run"]["labels"] == ["background", "liver", "lesion"]
    assert answer["run"]["liver_model"] == "livers"
    assert answer["table"]["lesions"][0]["liver_segments"] == ["II"]
    assert json.loads(json.dumps(answer["run"])) == answer["run"]


def test_measuring_again_knows_the_livers_segments_by_the_labels_that_come_back(segmented, volume):
    commands, files, answer = segmented
    asked = {"volume": volume, "labels": files["labels"], "run": answer["run"]}
    found = commands.run("measure", {**asked, "others": files["others"], "structures": answer["structures"]}, Job())
    assert [each["liver_segments"] for each in found["table"]["lesions"]] == [["II"], ["II"]]
    without = commands.run("measure", asked, Job())
    assert [each["liver_segments"] for each in without["table"]["lesions"]] == [None, None]


def test_a_report_of_corrected_labels_names_every_model(segmented, volume, tmp_path):
    commands, files, answer = segmented
    asked = {"volume": volume, "labels": files["labels"], "run": answer["run"]}
    asked |= {"others": files["others"], "structures": answer["structures"]}
    commands.run("report", {**asked, "folder": str(tmp_path / "report"), "overwrite": False}, Job())
    facts = json.loads((tmp_path / "report" / "lesions.json").read_text())
    assert {each["name"] for each in facts["models"]} == {"lesions", "livers", "vessels", "couinaud"}
    assert facts["liver_ml"] > 0
    assert [each["name"] for each in facts["structures"]] == ["liver_vessels", "liver_segment_2", "liver_segment_6"]


def test_labels_of_another_grid_are_refused(segmented, volume, tmp_path):
    commands, files, answer = segmented
    arrays.write(tmp_path / "small.nrrd", np.zeros((2, 2, 2), np.uint8), np.eye(4))
    asked = {"volume": volume, "labels": files["labels"], "run": answer["run"]}
    asked |= {"others": str(tmp_path / "small.nrrd"), "structures": answer["structures"]}
    with pytest.raises(UserError, match="is not on the grid of the CT: segment it again"):
        commands.run("measure", asked, Job())


def test_a_file_is_segmented_with_several_models(models, tmp_path):
    ct = scene()
    write_volume(tmp_path / "ct.nii.gz", ct)
    asked = {"source": str(tmp_path / "ct.nii.gz"), "output": str(tmp_path / "out.nii.gz"), "options": {}}
    Commands().run("segment_file", {**asked, **models}, Job())
    assert set(np.unique(volumes.read_stored(tmp_path / "out.nii.gz").values)) >= {0, 2, 3, 16}


def test_the_models_of_a_set_are_loaded_once_and_again_where_their_files_change(models, tmp_path):
    commands = Commands()
    first = commands._models.load_set("lesions", "livers", ["vessels"])
    again = commands._models.load_set("lesions", "livers", ["vessels"])
    assert (again.model, again.liver, again.also) == (first.model, first.liver, first.also)
    assert again.liver is first.liver
    assert commands._models.load("lesions") is first.model
    path = tmp_path / "models" / "livers" / "model.json"
    path.write_text(path.read_text() + "\n")
    changed = commands._models.load_set("lesions", "livers", ["vessels"])
    assert changed.liver is not first.liver
    assert changed.model is first.model


def test_the_list_of_models_says_which_find_other_structures(models):
    cards = {card["name"]: card for card in Commands().run("models", {}, Job())["models"]}
    assert cards["vessels"]["structures"] == ["liver_vessels"]
    assert cards["unet-lits"]["structures"] == []
