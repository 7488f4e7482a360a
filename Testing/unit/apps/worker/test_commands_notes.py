"""Notes of lesions, as a worker takes them and gives them back."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job


def run(command, **arguments):
    return Commands().run(command, arguments, Job())


def test_a_note_given_with_the_voxel_of_its_lesion_comes_back_and_follows_it(files):
    first, second = run("measure", **files)["table"]["lesions"]
    assert first["note"] == second["note"] == ""
    notes = [[first["inside_voxel"], "the larger one"], [second["inside_voxel"], "the smaller one"]]
    rows = run("measure", **files, notes=notes)["table"]["lesions"]
    assert [row["note"] for row in rows] == ["the larger one", "the smaller one"]
    labels, affine = arrays.read(Path(files["labels"]))
    arrays.write(Path(files["labels"]), np.where(labels == 2, 1, labels), affine)  # lesion 1 is liver now
    (left,) = run("measure", **files, notes=[[row["inside_voxel"], row["note"]] for row in rows])["table"]["lesions"]
    assert (left["number"], left["note"]) == (1, "the smaller one")


def test_the_report_has_the_notes_in_page_and_tables(files, tmp_path):
    (first, _) = run("measure", **files)["table"]["lesions"]
    how = {"model": "unet-lits", "device": "cpu", "notes": [], "seconds": 1.0}
    how["options"] = {"coarse_pass": True, "batch": None, "precision": "auto", "postprocessing": None}
    asked = {"run": how, "folder": str(tmp_path / "report"), "overwrite": False}
    answer = run("report", **files, **asked, notes=[[first["inside_voxel"], "-2 <weeks>"]])
    assert [row["note"] for row in answer["table"]["lesions"]] == ["-2 <weeks>", ""]
    with (tmp_path / "report" / "lesions.csv").open(encoding="utf-8", newline="") as table:
        assert [row["note"] for row in csv.DictReader(table)] == ["'-2 <weeks>", ""]
    content = json.loads((tmp_path / "report" / "lesions.json").read_text(encoding="utf-8"))
    assert content["lesions"] == answer["table"]["lesions"]
    assert "-2 &lt;weeks&gt;" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_what_is_no_note_is_refused_before_anything_is_done(files, tmp_path):
    with pytest.raises(UserError, match="A note of a lesion"):
        run("measure", **files, notes=["a text"])
    with pytest.raises(UserError, match="A note of a lesion"):
        run("report", **files, run={}, folder=str(tmp_path / "report"), overwrite=False, notes=["a text"])
    assert not (tmp_path / "report").exists()
