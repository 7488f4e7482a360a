import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from types import SimpleNamespace

from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.experiments.reproduction import results
from LiverTumorSegLib.experiments.reproduction.results import Trial, measure_trials
from LiverTumorSegLib.experiments.reproduction.slice_metrics import SliceScore, SliceScores
from LiverTumorSegLib.experiments.reproduction.systems import load
from LiverTumorSegLib.experiments.run_options import RunOptions

SCORES = {"lesion": SliceScores(slices=(SliceScore(10, 10, 10, 70, None),))}
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
    (figure,), (nothing,) = measure_trials(pair, li.metrics, li.protocols["published"], DATA, options)
    assert asked == [("one", "here", "root", "all"), ("two", "there", "root", "all")]
    assert told == [0, 0.5]
    assert (figure.value, figure.counted) == (0.5, 2)
    assert (nothing.value, nothing.counted) == (0.0, 2)


def test_areas_under_the_curve_are_measured_only_where_the_table_has_them(monkeypatch):
    asked = []
    monkeypatch.setattr(results, "run_trial", lambda *_, **__: ())
    monkeypatch.setattr(results, "volume_auc", lambda folder, structure, *_: asked.append((folder, structure)) or {})
    recipe = SimpleNamespace(data=["source"])
    for name in ("li", "kulkarni"):
        known = load(name)
        measure_trials([Trial(recipe, "here")], known.metrics, known.protocols["sound"], DATA, RunOptions())
    assert asked == [("here", "lesion")]
