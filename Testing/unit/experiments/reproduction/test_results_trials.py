from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")

from support.reproduction_cases import recipe

from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.experiments.reproduction import results
from LiverTumorSegLib.experiments.reproduction.results import Trial, measure_trials
from LiverTumorSegLib.experiments.reproduction.slice_metrics import SliceScore, SliceScores
from LiverTumorSegLib.experiments.reproduction.systems import load
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.experiments.trial import Measuring
from LiverTumorSegLib.postprocessing.settings import NO_CLEAN_UP

SCORES = {
    "liver": SliceScores(slices=(SliceScore(30, 0, 0, 70, None),)),
    "lesion": SliceScores(slices=(SliceScore(10, 10, 10, 70, None),)),
}
DATA = SimpleNamespace(root="root")


def test_each_trial_gets_its_stretch_of_the_job_and_all_count_together(monkeypatch):
    li, told, asked = load("li"), [], []

    def run(recipe, folder, root, metrics, shown, options):
        asked.append((recipe, folder, root, shown))
        options.job.at(0, "")
        return SCORES

    monkeypatch.setattr(results, "run_slice_trial", run)
    options = RunOptions(job=Job(lambda fraction, _: told.append(fraction)))
    pair = [Trial("one", "here"), Trial("two", "there")]
    found = measure_trials(pair, li.metrics, li.protocols["published"], DATA, options)
    (liver, figure), (_, nothing) = found.measured, found.nothing
    assert found.steps is None
    assert asked == [("one", "here", "root", "all"), ("two", "there", "root", "all")]
    assert told == [0, 0.5]
    assert (liver.value, figure.value, figure.counted) == (1.0, 0.5, 2)
    assert (nothing.value, nothing.counted) == (0.0, 2)


@pytest.mark.parametrize(("name", "curves"), [("li", ()), ("kulkarni", ("lesion",))])
def test_whole_cts_are_segmented_once_with_every_slice_and_probabilities_only_where_the_table_has_them(
    monkeypatch, name, curves
):
    asked, known = [], load(name)
    monkeypatch.setattr(results, "run_trial", lambda *_, measuring: asked.append(measuring) or ())
    planned = [Trial(recipe(name, known.rows[0].name), Path("here"))]
    found = measure_trials(planned, known.metrics, known.protocols["sound"], DATA, RunOptions())
    assert asked == [Measuring(coarse_pass=False, curves=curves)]
    assert found.steps.measuring == asked[0]
    assert found.steps.clean_up == NO_CLEAN_UP
