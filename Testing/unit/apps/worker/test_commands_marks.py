"""Marks of lesions, as a worker gives them and takes them back."""

import csv
import json
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from support.lesion_scores import model_with_scores

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.reporting.lesion_numbers import LesionNumbers


def run(command, **arguments):
    answer = Commands().run(command, arguments, Job())
    return json.loads(json.dumps(answer))  # as it goes through the pipe


def words(answer):
    return [None if row["origin"] is None else tuple(row["origin"].values()) for row in answer["table"]["lesions"]]


AUTOMATIC, PAINTED = (True, 0, False), (False, 0, False)


@pytest.fixture(scope="module")
def segmented(hand_over, tmp_path_factory):
    """What segmenting answered, and the labels that it left."""
    folder = tmp_path_factory.mktemp("segmented")
    files, chosen = hand_over(folder), {"model": str(model_with_scores(folder)), "device": "cpu"}
    chosen["options"] = {"precision": "float32", "postprocessing": {"sensitivity": 5}}
    return run("segment", **files, **chosen), files["labels"]


@pytest.fixture
def scored(files, segmented):
    """The answer of a model with lesion scores, when many false lesions are put up with."""
    answer, labels = segmented
    shutil.copyfile(labels, files["labels"])
    return deepcopy(answer)


def measured(files, answer, **arguments):
    return run("measure", **files, **{name: answer[name] for name in ("run", "candidates", "marks")} | arguments)


def test_what_a_model_marked_is_automatic_whatever_is_chosen_of_it(files, scored):
    rows = scored["table"]["lesions"]
    assert words(scored) == [AUTOMATIC] * len(rows)
    assert [[voxel, clicks] for voxel, clicks, _size in scored["marks"]] == [[row["inside_voxel"], 0] for row in rows]
    fewer = measured(files, scored, sensitivity=0)
    assert words(fewer) == [AUTOMATIC] * len(fewer["table"]["lesions"])
    assert len(words(fewer)) < len(rows)
    back = measured(files, fewer, sensitivity=5)
    assert back["table"] == scored["table"]


def test_clicks_that_a_client_added_are_told_of_their_lesion_alone(files, scored):
    voxel, _clicks, size = scored["marks"][1]
    answer = measured(files, scored, marks=[*scored["marks"], [voxel, 2, size]])
    assert words(answer)[:3] == [AUTOMATIC, (True, 2, False), AUTOMATIC]
    assert sorted(answer["marks"]) == sorted([*scored["marks"], [voxel, 2, size]])


def test_what_is_taken_away_as_no_lesion_is_known_no_more(files, scored):
    voxel = scored["table"]["lesions"][0]["inside_voxel"]
    answer = measured(files, scored, without=[voxel])
    assert words(answer) == [AUTOMATIC] * (len(scored["marks"]) - 1)
    assert answer["marks"] == scored["marks"][1:]


def test_a_part_of_what_the_model_marked_is_never_painted(files, scored, tmp_path):
    """As where a lesion was cut in two, and the mark lies in the other part."""
    marks = scored["marks"][1:]
    told = [(True, 0, True), *[AUTOMATIC] * len(marks)]
    assert words(measured(files, scored, marks=marks)) == told
    given = {name: scored[name] for name in ("run", "candidates")} | {"marks": marks}
    assert words(run("report", **files, **given, folder=str(tmp_path / "report"), overwrite=False)) == told


def test_without_marks_nothing_is_said(files, scored):
    answer = measured(files, scored, marks=None)
    assert answer["marks"] is None
    assert set(words(answer)) == {None}
    assert set(words(measured(files, scored, marks=None, sensitivity=0))) == {None}


def test_the_report_says_of_each_lesion_how_it_came_about(files, scored, tmp_path):
    labels, affine = arrays.read(Path(files["labels"]))
    labels[1:3, 1:3, 1:3] = 2
    arrays.write(Path(files["labels"]), np.minimum(labels, 2), affine)
    folder = tmp_path / "report"
    given = {name: scored[name] for name in ("run", "candidates", "marks")}
    answer = run("report", **files, **given, folder=str(folder), overwrite=False)
    assert sorted(words(answer)) == sorted([*[AUTOMATIC] * len(scored["marks"]), PAINTED])
    assert answer["marks"] == scored["marks"]
    with (folder / "lesions.csv").open(encoding="utf-8", newline="") as table:
        told = [row["origin"] for row in csv.DictReader(table)]
    assert (set(told), told.count("painted")) == ({"automatic", "painted"}, 1)
    content = json.loads((folder / "lesions.json").read_text(encoding="utf-8"))
    assert content["lesions"] == answer["table"]["lesions"]


def test_what_is_no_mark_is_refused_before_anything_is_done(files, tmp_path):
    with pytest.raises(UserError, match="A mark of a lesion"):
        run("measure", **files, marks=["a text"])
    with pytest.raises(UserError, match="A mark of a lesion"):
        run("report", **files, run={}, folder=str(tmp_path / "report"), overwrite=False, marks=["a text"])
    assert not (tmp_path / "report").exists()


def test_lesions_keep_their_numbers_which_the_report_and_the_file_of_labels_have_too(files, scored, tmp_path):
    numbered, affine = arrays.read(Path(files["labels"]))
    numbers = LesionNumbers.of(numbered).to_text()
    arrays.write(Path(files["labels"]), np.where(numbered == 2, 1, numbered), affine)
    left = [row["number"] for row in scored["table"]["lesions"]][1:]
    answer = measured(files, scored, numbers=numbers)
    assert [row["number"] for row in answer["table"]["lesions"]] == left
    assert np.array_equal(arrays.read(Path(files["labels"]))[0], np.where(numbered == 2, 1, numbered))
    known = {name: answer[name] for name in ("run", "candidates", "marks")}
    told = run("report", **files, **known, numbers=numbers, folder=str(tmp_path / "report"), overwrite=False)
    assert [row["number"] for row in told["table"]["lesions"]] == left
    assert np.array_equal(arrays.read(Path(files["labels"]))[0], np.where(numbered == 2, 1, numbered))
    with (tmp_path / "report" / "lesions.csv").open(encoding="utf-8", newline="") as file:
        assert [int(row["number"]) for row in csv.DictReader(file)] == left
