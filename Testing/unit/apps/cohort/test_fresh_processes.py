import os
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

import pytest
from support.cohort_cases import labels, save_cohort
from support.fake_gpus import FakeGpu, put_gpus
from support.lost_gpu import LosesGpu, count_cases
from support.waiting import wait_until

from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.apps.cohort import fresh_processes, segment
from LiverTumorSegLib.apps.cohort.records import CaseState, read_records
from LiverTumorSegLib.core import device_loss
from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.models.model_folder import Model


@pytest.fixture(autouse=True)
def _forget():
    yield
    device_loss.forget_losses()


@pytest.fixture
def cts(tmp_path):
    return save_cohort(tmp_path / "cts")


def counted(folder):
    """Processes that segmented, each with the number of its cases."""
    return [len(path.read_text()) for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)]


def test_after_a_lost_gpu_cases_go_on_in_another_process(cts, thresholds, tmp_path):
    """Of four cases the second loses the GPU, and no later one."""
    (tmp_path / "seen").mkdir()
    network = LosesGpu(tmp_path / "seen", at=[2])
    summary = cohort.segment_cohort(cts, tmp_path / "out", Model(thresholds.description, network), device="cpu")
    assert len(summary.done) == 4
    assert summary.failed == {}
    assert counted(tmp_path / "seen") == [2, 2]
    assert str(os.getpid()) in {path.name for path in (tmp_path / "seen").iterdir()}
    alone = cohort.segment_cohort(cts, tmp_path / "alone", thresholds, device="cpu")
    for name in alone.done:
        path = f"{name}.seg.nrrd"
        assert (labels(tmp_path / "out" / path) == labels(tmp_path / "alone" / path)).all()


def test_a_gpu_that_does_not_come_back_is_not_waited_for(cts, thresholds, tmp_path, monkeypatch):
    """Every case loses it: this process has one, another has one, and this process has the rest."""
    monkeypatch.setattr(fresh_processes, "_ENOUGH", 1)
    (tmp_path / "seen").mkdir()
    network = LosesGpu(tmp_path / "seen", at=[1, 2, 3, 4])
    summary = cohort.segment_cohort(cts, tmp_path / "out", Model(thresholds.description, network), device="cpu")
    assert len(summary.done) == 4
    assert sorted(counted(tmp_path / "seen")) == [1, 3]


def test_a_process_that_ends_costs_one_case_and_one_that_hangs_can_be_cancelled(cts, thresholds, tmp_path):
    (tmp_path / "seen").mkdir()
    network, cancel = LosesGpu(tmp_path / "seen", at=[1], ends_at=2, hangs_at=3), CancelToken()

    def cancel_third():
        wait_until(lambda: count_cases(tmp_path / "seen") == 3)
        cancel.cancel()

    Thread(target=cancel_third, daemon=True).start()
    with pytest.raises(Cancelled):
        cohort.segment_cohort(
            cts, tmp_path / "out", Model(thresholds.description, network), device="cpu", cancel=cancel
        )
    states = {record.state: record for record in read_records(tmp_path / "out")}
    assert states[CaseState.FAILED].failure == fresh_processes._ENDED
    assert states[CaseState.DONE].case == "volume-3"


def test_a_process_that_lost_its_gpu_before_the_cohort_segments_none_of_it_itself(cts, thresholds, tmp_path):
    (tmp_path / "seen").mkdir()
    device_loss.mark_lost("cuda:0")
    network = LosesGpu(tmp_path / "seen", at=[])
    summary = cohort.segment_cohort(cts, tmp_path / "out", Model(thresholds.description, network), device="cpu")
    assert len(summary.done) == 4
    assert counted(tmp_path / "seen") == [4]
    assert str(os.getpid()) not in {path.name for path in (tmp_path / "seen").iterdir()}


def test_a_gpu_that_is_named_and_lost_before_the_first_check_ends_no_cohort(cts, thresholds, tmp_path, monkeypatch):
    """Another process, which has the GPU, stands in with its CPU."""

    def elsewhere(work, *more):
        return fresh_processes.segment_elsewhere(replace(work, device="cpu"), *more)

    gpu = FakeGpu()
    put_gpus(monkeypatch, gpu)
    monkeypatch.setattr(segment, "segment_elsewhere", elsewhere)
    choose_device("cuda:0")
    gpu.answers = False
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cuda:0")
    assert (len(summary.done), summary.failed) == (4, {})


def test_a_gpu_that_is_named_and_never_answered_ends_a_cohort_before_it_begins(cts, thresholds, tmp_path, monkeypatch):
    put_gpus(monkeypatch, FakeGpu(answers=False))
    with pytest.raises(UserError, match="cuda:0 stopped working"):
        cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cuda:0")


def test_where_no_process_can_be_started_no_case_fails_for_it(cts, thresholds, tmp_path, monkeypatch):
    @contextmanager
    def ends_at_once(_check):
        def call(*_):
            raise BrokenProcessPool

        yield call

    monkeypatch.setattr(fresh_processes, "lone_process", ends_at_once)
    (tmp_path / "seen").mkdir()
    network = LosesGpu(tmp_path / "seen", at=[1])
    summary = cohort.segment_cohort(cts, tmp_path / "out", Model(thresholds.description, network), device="cpu")
    assert (len(summary.done), summary.failed) == (4, {})
    assert counted(tmp_path / "seen") == [4]
