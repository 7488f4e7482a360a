import math
import shutil
from dataclasses import replace

import pytest
from support.training_cases import make_volumes

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction import data, estimate, systems
from LiverTumorSegLib.experiments.reproduction.request import ReproductionRequest
from LiverTumorSegLib.experiments.reproduction.step_times import StepTimes
from LiverTumorSegLib.experiments.run_options import RunOptions

TIMES = StepTimes(step=0.5, validation=0.01, measuring=0.02, reading=0.1, samples=0.5)


@pytest.fixture
def lits(tmp_path):
    return data.find(make_volumes(tmp_path / "data", range(5)) / "LITS")


@pytest.fixture
def foresee(lits, tmp_path, monkeypatch):
    """The estimate of a system on five CTs of ten slices, with times that are known."""
    asked = []

    def take(row, *_):
        asked.append(row.name)
        return TIMES

    monkeypatch.setattr(estimate, "measure_row", take)

    def foresee(name, protocol="published", size="small", timed=True, **settings):
        wanted = ReproductionRequest(systems.load(name), protocol, {}, tmp_path / "out", size, **settings)
        found = estimate.estimate(wanted, lits, RunOptions(device="cpu", cache=tmp_path / "cache"), timed=timed)
        return found, asked

    return foresee


def test_steps_of_a_size_are_its_own_and_hours_hold_validations_and_measuring(foresee):
    found, _ = foresee("dhanush")
    row = found.rows[0]
    assert row.steps == 3000
    assert row.seconds == pytest.approx(3000 * 0.5 + 0.1 * 50 * 12 * 0.01 + 0.2 * 50 * 0.02)
    assert found.seconds == pytest.approx(sum(row.seconds for row in found.rows) + 0.1 * 50)


def test_published_steps_follow_from_the_slices_that_are_trained_on(foresee):
    found, _ = foresee("dhanush", size="published")
    assert found.rows[0].steps == math.ceil(50 * round(0.7 * 50 * 0.5) / 8)
    untimed, asked = foresee("dhanush", size="published", timed=False)
    assert (untimed.rows[0].steps, untimed.seconds, len(asked)) == (None, None, 4)


def test_a_row_with_the_models_of_another_is_measured_alone(foresee):
    rows = {row.name.partition(",")[0]: row for row in foresee("elmenabawy")[0].rows}
    assert rows["Korabelnikov"].seconds == pytest.approx(2 * 0.5 * 50 * 0.02)
    assert rows["AlexNet-FCN without"].seconds > 2 * 3000 * 0.5


def test_every_fold_counts_and_one_that_is_done_does_not(foresee, tmp_path):
    found, _ = foresee("elmenabawy")
    assert found.rows[0].trainings == (2, 2)
    place = tmp_path / "out" / "published" / systems.load("elmenabawy").rows[0].from_random.folder
    for fold in range(2):
        (place / f"fold-{fold}" / "model").mkdir(parents=True)
    after, asked = foresee("elmenabawy")
    assert (after.rows[0].trainings, after.rows[0].seconds) == ((0, 2), 0.0)
    assert asked.count(found.rows[0].name) == 1
    assert next(after.sentences()) == f"{found.rows[0].name}: done."


def test_memory_that_is_not_there_is_refused_with_what_would_fit(foresee, monkeypatch):
    found, _ = foresee("dhanush", size="published", timed=False)
    row = found.rows[0]
    enough_for_two = row.memory - (row.batch - 2.5) * row.sample_memory
    with pytest.raises(
        UserError, match=r"U-Net needs about .* GB of memory, and cpu has .* schedule\.batch=2 would fit"
    ):
        replace(found, memory_free=enough_for_two).refuse_unfitting()
    with pytest.raises(UserError, match="free: take --size small, or a device with more"):
        replace(found, memory_free=1.0).refuse_unfitting()
    replace(found, memory_free=None).refuse_unfitting()


def test_a_disk_that_is_too_small_is_refused_before_anything_starts(foresee, tmp_path, monkeypatch):
    found, _ = foresee("dhanush", timed=False)
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda _: full)
    with pytest.raises(UserError, match=r"This needs .* on the disk of .*, which has less than 1 MB left: free"):
        found.refuse_unfitting()


def test_memory_is_that_of_weights_and_of_every_sample(foresee):
    small, whole = (foresee("li", size=size, timed=False)[0].rows[1] for size in ("small", "published"))
    assert 1e9 < small.memory < 4e9 < whole.memory
    more = foresee("li", size="small", timed=False, changes={"schedule.batch": 16})[0].rows[1]
    assert more.memory == pytest.approx(small.memory + 8 * small.sample_memory)


def test_all_is_said_in_sentences(foresee):
    found, _ = foresee("elmenabawy")
    said = " ".join(found.sentences())
    assert "2 trainings of 3000 steps of 0.5 seconds, about 50 minutes." in said
    assert f"In all about {estimate.in_hours(found.seconds)}" in said
    assert "more in the cache" in said


@pytest.mark.parametrize(("seconds", "words"), [(30, "30 seconds"), (600, "10 minutes"), (9000, "2.5 hours")])
def test_times_are_told_in_units_that_suit(seconds, words):
    assert estimate.in_hours(seconds) == words


def test_networks_of_the_small_size_need_no_more_than_a_laptop_has(foresee):
    for name in systems.names():
        assert all(row.memory < 6e9 for row in foresee(name, timed=False)[0].rows)
