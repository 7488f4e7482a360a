"""A rank killed at the worst moments, and ranks at work at the same time."""

import csv
import os
import signal
import sys

import numpy as np
import pytest
from support.cohort_cases import hidden, labels, save_cohort
from support.warm_processes import WarmProcess

from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.models import model_folder as model

DIE = """
import os, signal
from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.cohort import records
from LiverTumorSegLib.io import itk

def at_third(function, before, wanted=lambda *arguments: True):
    calls = []

    def work(*arguments):
        calls.extend([1] if wanted(*arguments) else [])
        if len(calls) == 3:
            before(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    return work
"""
IN_LABELS = "itk.write = at_third(itk.write, lambda path, image: path.write_bytes(b'NRRD'))"
BEFORE_RECORD = "records.write_record = at_third(records.write_record, print, lambda _, record: record.state == 'done')"
IN_RECORD = (
    "records.remove_unfinished = at_third("
    "records.remove_unfinished, print, lambda folder, _: len(list(folder.glob('*.json'))) > 2)"
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


@pytest.fixture
def cts(tmp_path):
    return save_cohort(tmp_path / "cts")


def rows(output):
    with (output / "cohort.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def are_those_of_segment(output, cts, model_folder):
    loaded = model.load(model_folder)
    for source in cts.iterdir():
        alone = segment(volumes.read_volume(source), loaded, "cpu").labels
        assert np.array_equal(labels(output / f"{volumes.stem(source)}.seg.nrrd"), alone)


@pytest.mark.parametrize("moment", [IN_LABELS, BEFORE_RECORD, IN_RECORD], ids=["labels", "before record", "record"])
def test_a_killed_rank_is_gone_on_with(cts, model_folder, tmp_path, moment):
    output = tmp_path / "out"
    words = ("segment-cohort", cts, "-o", output, "-m", model_folder, "--device", "cpu")
    code, _, complained = WarmProcess(*words, code=f"{DIE}\n{moment}\ncli.main()").wait()
    assert code == -signal.SIGKILL, complained
    done = {path: path.stat().st_mtime_ns for path in output.glob("*.seg.nrrd")}
    assert len(done) in (2, 3)
    assert not (output / "cohort.csv").exists()
    assert hidden(output) or moment is BEFORE_RECORD
    summary = cohort.segment_cohort(cts, output, model.load(model_folder), device="cpu")
    assert len(summary.skipped) == (3 if moment is IN_RECORD else 2)
    assert sorted((*summary.done, *summary.skipped)) == [f"volume-{number}" for number in range(4)]
    assert all(
        (output / f"{case}.seg.nrrd").stat().st_mtime_ns == done[output / f"{case}.seg.nrrd"]
        for case in summary.skipped
    )
    assert hidden(output) == []
    assert [row["case"] for row in rows(output)] == [f"volume-{number}" for number in range(4)]
    are_those_of_segment(output, cts, model_folder)


def test_two_ranks_at_once_do_each_case_once(cts, model_folder, tmp_path):
    output = tmp_path / "out"
    words = ("segment-cohort", cts, "-o", output, "-m", model_folder, "--device", "cpu")
    places = [{"RANK": str(number), "WORLD_SIZE": "2", "LOCAL_RANK": str(number)} for number in range(2)]
    ranks = [WarmProcess(*words, environment=os.environ | place) for place in places]
    ended = [rank.wait() for rank in ranks]
    for number, (code, said, complained) in enumerate(ended):
        assert code == 0, complained
        assert said.startswith(f"Rank {number} of 2: 2 segmented, 0 done before, 0 failed. Wrote ")
    assert [row["case"] for row in rows(output)] == [f"volume-{number}" for number in range(4)]
    assert hidden(output) == []
    are_those_of_segment(output, cts, model_folder)
