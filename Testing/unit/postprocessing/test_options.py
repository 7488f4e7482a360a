"""The table of clean-up options holds what models, scenes and users have known so far, and is all that names them."""

import ast
import json
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError
from support.repository import LIBRARY, PYTHON_PATH

from LiverTumorSegLib.postprocessing.options import OPTIONS
from LiverTumorSegLib.postprocessing.settings import Postprocessing

SAVED = (
    '{"largest_liver":true,"lesions_in_liver":true,"fill_holes":true,"smallest_lesion_ml":0.05,'
    '"smallest_liver_ml":50.0,"sensitivity":1.0}'
)
SHOWN = (
    "Postprocessing(largest_liver=True, lesions_in_liver=True, fill_holes=True, smallest_lesion_ml=0.05, "
    "smallest_liver_ml=50, sensitivity=1)"
)
PARAMETERS = [
    "largestLiver",
    "lesionsInLiver",
    "fillHoles",
    "smallestLesionMl",
    "smallestLiverMl",
    "sensitivity",
]
LIGHT = "import sys, LiverTumorSegLib.postprocessing.options\nprint({'pydantic', 'numpy', 'torch'} & set(sys.modules))"

WITH_AN_OPTION_MORE = """
import json, os, sys
from pathlib import Path
from support import added_option
added_option.add()
name = added_option.ADDED.name

from typer.testing import CliRunner
from LiverTumorSegLib.apps.cli import app
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.about import DEFAULT_MODEL
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.models import model_folder, store
from LiverTumorSegLib.training import recipe
from support.repository import LIBRARY, PYTHON_PATH

help_of = {
    command: CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300"}).output
    for command in ("segment", "segment-cohort")
}
folder = store.find_model(DEFAULT_MODEL)
description = model_folder.read_description(folder)
cards = Commands().run("models", {}, Job(lambda *_: None))["models"]
made = phantom.create((8, 96, 112), (30.0, 4.0, 4.0), seed=5, lesions=1).volume
arrays.write(Path("ct.nrrd"), made.voxels, made.affine)
places = {"volume": "ct.nrrd", "labels": "labels.nrrd"}
options = {"postprocessing": PanelSettings(postprocessing={name: 2.5}).postprocessing}
done = Commands().run(
    "segment", {**places, "model": DEFAULT_MODEL, "device": "cpu", "options": options}, Job(lambda *_: None)
)
plan = recipe.load(LIBRARY / "training/recipes/unet-lits.yaml", {f"postprocessing.{name}": 3})
print(json.dumps({
    "help": help_of,
    "older model": name in (folder / "model.json").read_text(),
    "model": json.loads(description.model_dump_json())["postprocessing"][name],
    "card": cards[0]["postprocessing"][name],
    "worker": done["run"]["options"]["postprocessing"][name],
    "recipe": json.loads(plan.model_dump_json())["postprocessing"][name],
}))
"""


def run(code, folder):
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_saved_forms_are_those_of_before():
    assert Postprocessing().model_dump_json() == SAVED
    assert repr(Postprocessing()) == SHOWN
    assert Postprocessing.model_validate_json(SAVED) == Postprocessing()
    assert [option.parameter for option in OPTIONS] == PARAMETERS


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"smallest_lesion_ml": -1}, "greater than or equal to 0"),
        ({"sensitivity": float("inf")}, "finite number"),
        ({"fill_holes": "perhaps"}, "valid boolean"),
        ({"no_such": 1}, "Extra inputs are not permitted"),
    ],
)
def test_limits_of_the_table_are_those_of_the_model(changes, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Postprocessing(**changes)


def test_options_of_earlier_versions_are_passed_over_and_nothing_else():
    before = '{"largest_liver":false,"least_probability":0.85,"least_contrast_hu":10}'
    assert Postprocessing.model_validate_json(before) == Postprocessing(largest_liver=False)
    assert Postprocessing.model_validate({"least_probability": 0.85}) == Postprocessing()
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Postprocessing.model_validate({"least_contrast": 10})


def test_type_checkers_know_the_options_of_the_table():
    tree = ast.parse((LIBRARY / "postprocessing" / "settings.py").read_text(encoding="utf-8"))
    (known,) = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "Postprocessing")
    fields = [(node.target.id, node.annotation.id) for node in known.body if isinstance(node, ast.AnnAssign)]
    assert fields == [(option.name, option.kind.__name__) for option in OPTIONS]


def test_the_table_brings_nothing_along_that_slicer_lacks(tmp_path):
    done = run(LIGHT, tmp_path)
    assert done.stdout.strip() == "set()", done.stderr


def test_an_option_added_to_the_table_is_known_everywhere_without_a_panel(tmp_path):
    done = run(WITH_AN_OPTION_MORE, tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for words in found.pop("help").values():
        assert "--flattest-lesion" in words
        assert "flatter become liver, in mm" in words
        assert "0<=x<=50" in words
    assert found == {"older model": False, "model": 1.5, "card": 1.5, "worker": 2.5, "recipe": 3}
