import os
import signal

import numpy as np
import pytest
from support.panels import settle

from LiverTumorSegLib.apps.panel.job_runner import IDLE, JobRunner, PanelState
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.apps.worker.queue import GRACE_SECONDS
from LiverTumorSegLib.core.errors import UserError

CHOSEN = {"model": "unet-lits", "device": "cpu", "options": {"coarse_pass": False}}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def slow(shape=(160, 512, 512)):
    """A volume that keeps the worker busy for seconds."""
    voxels = np.random.default_rng(0).integers(-100, 200, shape).astype(np.int16)
    return {"volume": (voxels, np.diag([0.75, 0.75, 1.5, 1.0])), "labels": None}


@pytest.fixture
def runner(warm_worker):
    runner = JobRunner(warm_worker)
    runner.ask("devices", lambda answer: None)
    settle(runner, lambda r: not r._asked)
    return runner


def begin(runner, finish=lambda answer, folder: None):
    runner.begin("segment", finish, slow(), **CHOSEN)


def test_without_packages_nothing_can_start_until_they_are_there():
    runner = JobRunner(missing=("torch>=2.6",))
    assert runner.state is PanelState.NEEDS_SETUP
    with pytest.raises(RuntimeError, match="needs setup"):
        runner.begin("devices", print, {})
    runner.complain("The sample CT could not be downloaded.")
    assert (runner.state, runner.error) == (PanelState.NEEDS_SETUP, "The sample CT could not be downloaded.")
    runner.setup_done(("monai>=1.5",))
    assert (runner.state, runner.missing) == (PanelState.NEEDS_SETUP, ("monai>=1.5",))
    runner.setup_done()
    assert runner.state is PanelState.READY
    assert not runner.worker.alive


def test_a_job_runs_through_its_states_and_hands_over_its_answer():
    states, answers = [], []
    runner = JobRunner(Worker())
    runner.changed.append(lambda: states.append(runner.state))
    runner.begin("devices", lambda answer, folder: answers.append((answer, folder.is_dir())), {})
    assert runner.busy
    settle(runner)
    assert list(dict.fromkeys(states)) == [PanelState.STARTING, PanelState.RUNNING, PanelState.DONE]
    assert answers[0][0]["devices"]
    assert answers[0][1]
    assert list(runner.worker.scratch.glob("job-*")) == []
    assert runner.state in IDLE
    assert runner.fraction == 1
    runner.close()
    assert not runner.worker.alive


def test_one_job_at_a_time(runner):
    runner.begin("devices", lambda *_: None, {})
    with pytest.raises(RuntimeError, match="cannot start while the panel is running"):
        runner.begin("devices", lambda *_: None, {})
    settle(runner)


def test_an_error_of_the_worker_is_shown_and_gone_with_the_next_job(runner):
    runner.begin("import_model", lambda *_: None, {}, folder="/nowhere")
    settle(runner)
    assert runner.state is PanelState.FAILED
    assert "is not a model folder" in runner.error
    assert "Traceback" in runner.details
    runner.begin("devices", lambda *_: None, {})
    assert runner.error == runner.details == ""
    settle(runner)
    assert runner.state is PanelState.DONE


@pytest.mark.parametrize("error", [UserError("The CT is gone: load it again."), KeyError("x")])
def test_an_answer_that_cannot_be_used_is_an_error(runner, error):
    def finish(answer, folder):
        raise error

    runner.begin("devices", finish, {})
    settle(runner)
    assert runner.state is PanelState.FAILED
    wanted = str(error) if isinstance(error, UserError) else "The result could not be shown ('x')"
    assert runner.error.startswith(wanted)
    assert "Traceback" in runner.details


def test_cancelling_is_answered_within_a_second_and_keeps_the_worker_warm(runner, warm_worker):
    assert GRACE_SECONDS < 1  # a worker that takes longer is ended, as below
    runner = JobRunner(warm_worker, clock=Clock())  # a busy machine may make it take longer
    begin(runner, pytest.fail)
    settle(runner, lambda r: r.fraction > 0.05)
    child = runner.worker._run.child
    runner.cancel()
    assert runner.state is PanelState.CANCELLING
    runner.cancel()
    settle(runner)
    assert runner.state is PanelState.CANCELLED
    assert child.poll() is None
    assert list(runner.worker.scratch.glob("job-*")) == []


def test_a_worker_that_does_not_answer_the_cancel_is_ended():
    clock = Clock()
    runner = JobRunner(Worker(), clock=clock)
    begin(runner, pytest.fail)
    settle(runner, lambda r: r.fraction > 0.05)
    child = runner.worker._run.child
    os.kill(child.pid, signal.SIGSTOP)  # hangs
    runner.cancel()
    runner.poll()
    assert runner.state is PanelState.CANCELLING
    clock.now = GRACE_SECONDS + 0.01
    runner.poll()
    assert runner.state is PanelState.CANCELLED
    assert child.poll() is not None
    runner.begin("devices", lambda *_: None, {})
    settle(runner)
    assert runner.state is PanelState.DONE
    runner.close()


def test_a_job_cancelled_while_the_worker_starts_is_dropped_at_once():
    runner = JobRunner(Worker())
    begin(runner, pytest.fail)
    assert runner.state is PanelState.STARTING
    runner.cancel()
    assert runner.state is PanelState.CANCELLED
    runner.begin("devices", lambda *_: None, {})
    settle(runner)
    assert runner.state is PanelState.DONE
    runner.close()


def test_a_worker_that_dies_is_an_error_and_the_next_job_works():
    runner = JobRunner(Worker())
    begin(runner, pytest.fail)
    settle(runner, lambda r: r.fraction > 0.05)
    os.kill(runner.worker._run.child.pid, signal.SIGKILL)
    settle(runner)
    assert runner.state is PanelState.FAILED
    assert "memory ran out" in runner.error
    runner.begin("devices", lambda *_: None, {})
    settle(runner)
    assert runner.state is PanelState.DONE
    runner.close()


def test_a_worker_that_dies_while_cancelling_was_cancelled(runner):
    begin(runner, pytest.fail)
    settle(runner, lambda r: r.fraction > 0.05)
    runner.cancel()
    os.kill(runner.worker._run.child.pid, signal.SIGKILL)
    settle(runner)
    assert runner.state is PanelState.CANCELLED
    assert runner.error == ""


def test_a_worker_that_dies_without_a_job_disturbs_nobody(runner):
    os.kill(runner.worker._run.child.pid, signal.SIGKILL)
    settle(runner, lambda r: not r.worker.alive)
    assert runner.state is PanelState.READY


def test_a_worker_that_cannot_start_is_an_error(tmp_path):
    runner = JobRunner(Worker([str(tmp_path / "none")]))
    runner.ask("devices", pytest.fail)
    assert runner.state is PanelState.FAILED
    assert "cannot be started" in runner.error
    runner.begin("devices", pytest.fail, {})
    assert runner.state is PanelState.FAILED


def test_a_worker_that_goes_to_rest_just_when_it_is_asked_is_an_error(runner):
    runner.begin("devices", lambda *_: None, {})
    runner.worker.close()
    runner.poll()
    assert runner.state is PanelState.FAILED
    assert "gone to rest" in runner.error


def test_the_time_left_is_told_once_it_can_be():
    clock = Clock()
    runner = JobRunner(Worker(), clock=clock)
    assert runner.seconds_left is None
    begin(runner)
    settle(runner, lambda r: r.fraction > 0.1)
    clock.now = 10.0
    left = runner.seconds_left
    assert left == pytest.approx(10 * (1 - runner.fraction) / runner.fraction)
    runner.cancel()
    assert runner.seconds_left is None
    runner.close()


def test_closing_ends_a_running_job():
    runner = JobRunner(Worker())
    begin(runner, pytest.fail)
    runner.close()
    assert runner.state is PanelState.CANCELLED
    assert not runner.worker.alive


def test_a_complaint_of_the_user_interface_leaves_a_running_job_alone(runner):
    begin(runner)
    runner.complain("The file cannot be written.")
    assert runner.busy
    assert runner.error == "The file cannot be written."
    runner.cancel()
    settle(runner)
    runner.complain("It is read-only.", "details")
    assert (runner.state, runner.details) == (PanelState.FAILED, "details")


def test_how_the_last_job_ended_can_be_forgotten_but_not_a_running_one(runner):
    runner.complain("No node.", "Traceback")
    runner.reset()
    assert (runner.state, runner.error, runner.details) == (PanelState.READY, "", "")
    begin(runner)
    runner.complain("No node.")
    runner.reset()
    assert (runner.busy, runner.error) == (True, "No node.")
    runner.close()


def test_what_is_wrong_before_a_job_begins_is_shown():
    def start():
        msg = "The region lies outside: move it."
        raise UserError(msg)

    runner = JobRunner()
    runner.attempt(start)
    assert (runner.state, runner.error) == (PanelState.FAILED, "The region lies outside: move it.")


def test_what_is_left_for_later_is_done_one_a_poll():
    runner, done = JobRunner(), []
    assert runner.settled
    runner.later(lambda: done.append(1))
    runner.later(lambda: done.append(2))
    runner.poll()
    assert done == [1]
    assert not runner.settled
    runner.poll()
    assert done == [1, 2]
    assert runner.settled


def test_what_could_not_be_handed_over_leaves_no_file(runner):
    broken = {"volume": (np.zeros((2, 3, 4), np.int16), np.eye(4)), "gone/labels": (np.zeros((2, 3, 4)), np.eye(4))}
    runner.begin("segment", lambda *_: None, broken)
    assert runner.state is PanelState.FAILED
    assert list(runner.worker.scratch.glob("job-*")) == []
