"""Doubts about labels are told anew when these are measured; those about the CT stay."""

import json
from pathlib import Path

import numpy as np
import pytest

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.inference.region import REGION_WARNING

OUTSIDE = "Lesion 3 lies outside the liver: check whether it was marked there by mistake."


def run(command, **arguments):
    return Commands().run(command, arguments, Job())


def change(files, where, value):
    labels, affine = arrays.read(Path(files["labels"]))
    labels[where] = value
    arrays.write(Path(files["labels"]), labels, affine)


@pytest.fixture
def segmented(files, tmp_path, small_phantom):
    """What segmenting answered; its labels are replaced by the phantom's."""
    options = {"precision": "float32"}
    answer = run("segment", **files, model="unet-lits", device="cpu", options=options)
    arrays.write(tmp_path / "labels.nrrd", small_phantom.labels, small_phantom.volume.affine)
    return answer


def test_what_is_painted_outside_the_liver_is_told_until_it_is_gone(files, segmented):
    assert segmented["run"]["label_warnings"] == []
    change(files, np.s_[1:3, 1:3, 1:3], 2)
    painted = run("measure", **files, run=segmented["run"])
    assert painted["warnings"] == painted["run"]["label_warnings"] == [OUTSIDE]
    change(files, np.s_[1:3, 1:3, 1:3], 0)
    assert run("measure", **files, run=painted["run"])["warnings"] == []


def test_measuring_without_a_run_tells_it_as_well(files):
    change(files, np.s_[1:3, 1:3, 1:3], 2)
    answer = run("measure", **files)
    assert (answer["warnings"], answer["run"]) == ([OUTSIDE], None)


def test_no_liver_is_told_as_long_as_there_is_none(files, segmented):
    change(files, np.s_[:], 0)
    assert run("measure", **files, run=segmented["run"])["warnings"] == ["No liver was found."]


def test_the_report_has_what_was_told_of_the_ct_once_and_the_doubts_about_these_labels(files, segmented, tmp_path):
    notes = ["The device was changed."]
    asked = {"run": segmented["run"] | {"notes": notes}, "warnings": ["The CT is odd.", *notes]}
    change(files, np.s_[1:3, 1:3, 1:3], 2)
    answer = run("report", **files, **asked, folder=str(tmp_path / "report"), overwrite=False)
    assert answer["warnings"] == answer["run"]["label_warnings"] == [OUTSIDE]
    told = json.loads((tmp_path / "report" / "lesions.json").read_text())["warnings"]
    assert told == ["The CT is odd.", "The device was changed.", OUTSIDE]


def test_a_part_of_a_liver_is_not_called_small_when_it_is_measured_again(files, small_phantom, tmp_path):
    inside = np.zeros(small_phantom.labels.shape, np.uint8)
    inside[:, :40] = 1
    arrays.write(tmp_path / "inside.nrrd", inside, small_phantom.volume.affine)
    chosen = {"model": "unet-lits", "device": "cpu", "options": {}, "inside": str(tmp_path / "inside.nrrd")}
    answer = run("segment", **files, **chosen)
    assert 0 < answer["table"]["liver_ml"] < 590
    assert answer["run"]["region"]
    assert answer["warnings"] == [REGION_WARNING]
    assert run("measure", **files, run=answer["run"])["warnings"] == []
    assert run("measure", **files)["warnings"] != []
