from dataclasses import replace

import pytest
from support.training_cases import make_volumes

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import data, sizes, step_times, systems
from LiverTumorSegLib.experiments.reproduction.request import ReproductionRequest
from LiverTumorSegLib.experiments.run_options import RunOptions


@pytest.fixture
def measure(tmp_path, monkeypatch):
    monkeypatch.setattr(step_times, "_STEPS", 5)
    monkeypatch.setattr(step_times, "_WARM_UP", 1)
    tiny = replace(sizes.SMALL, side=(48, 284), batch=(2, 2), patch=(32, 8.0), widths=sizes.QUICK.widths)
    monkeypatch.setitem(sizes.SHRINKING, "small", tiny)
    found = data.find(make_volumes(tmp_path / "data", range(4)) / "LITS")

    def measure(name, protocol):
        wanted = ReproductionRequest(systems.load(name), protocol, {}, tmp_path / "out", "small")
        options = RunOptions(device="cpu", cache=tmp_path / "cache")
        return step_times.measure_row(wanted.system.rows[0], wanted, found, options)

    return measure


@pytest.mark.parametrize(("name", "protocol"), [("dhanush", "published"), ("dhanush", "sound"), ("ahmad", "sound")])
def test_times_are_those_of_a_real_trial_of_which_nothing_stays(measure, tmp_path, name, protocol):
    found = measure(name, protocol)
    assert min(found.step, found.measuring, found.reading) > 0
    assert found.validation >= 0
    assert 0 < found.samples <= (10 if name == "ahmad" else 1)
    assert not (tmp_path / "out").exists()


def test_what_was_measured_of_the_same_before_is_taken(measure, tmp_path, monkeypatch):
    first = measure("dhanush", "published")
    assert (tmp_path / "cache" / step_times.FILE).exists()
    monkeypatch.setattr(step_times.results, "measure_trials", lambda *_: pytest.fail("measured again"))
    assert measure("dhanush", "published") == first


def test_a_damaged_file_of_times_is_measured_anew(measure, tmp_path):
    measure("dhanush", "published")
    (tmp_path / "cache" / step_times.FILE).write_text("{")
    assert measure("dhanush", "published").step > 0
