import os
import signal
import time

import pytest
from support.scripted_worker import Scripted

from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.apps.worker.queue import ENDED, GRACE_SECONDS, JobQueue, JobState


@pytest.fixture
def worker():
    """A worker that has started."""
    made = Scripted()
    made.ready = True
    return made


@pytest.fixture
def queue(worker):
    return JobQueue(worker)


def test_jobs_run_in_order_and_each_knows_its_place(queue, worker):
    jobs = [queue.submit(f"job {number}") for number in range(20)]
    assert [queue.place(job) for job in jobs] == list(range(20))
    for number, job in enumerate(jobs):
        queue.poll()
        assert worker.asked == [f"job {n}" for n in range(number + 1)]
        assert [queue.place(other) for other in jobs[number:]] == list(range(20 - number))
        worker.says(at=0.5, says="Half")
        queue.poll()
        assert (job.state, job.fraction, job.stage) == (JobState.RUNNING, 0.5, "Half")
        worker.says(result={"number": number})
    queue.poll()
    assert [job.result["number"] for job in jobs] == list(range(20))
    assert {job.state for job in jobs} == {JobState.DONE}
    assert queue.place(jobs[3]) is None


def test_a_short_job_can_go_before_those_that_wait_but_not_before_the_one_that_runs(queue, worker):
    jobs = [queue.submit(name) for name in ("first", "second")]
    queue.poll()
    short = queue.submit_next("short")
    assert [queue.place(job) for job in (*jobs, short)] == [0, 2, 1]
    for _ in range(2):
        worker.says(result={})
        queue.poll()
    assert worker.asked == ["first", "short", "second"]


def test_what_the_worker_says_of_its_start_is_over_when_it_is_ready(queue, worker):
    job = queue.submit("job")
    queue.poll()
    worker.heard = [{"id": 0, "at": 0.0, "says": "Loading PyTorch"}]
    queue.poll()
    assert job.stage == "Loading PyTorch"
    worker.heard = [{"id": 0, "result": {}}]
    queue.poll()
    assert (job.state, job.stage) == (JobState.RUNNING, "")


def test_a_waiting_job_is_cancelled_at_once_and_those_behind_move_up(queue, worker):
    first, second, third = (queue.submit(name) for name in ("first", "second", "third"))
    queue.poll()
    queue.cancel(second)
    assert (second.state, queue.place(second), queue.place(third)) == (JobState.CANCELLED, None, 1)
    worker.says(result={})
    queue.poll()
    assert (worker.asked, worker.cancelled) == (["first", "third"], [])
    queue.cancel(first)
    assert first.state is JobState.DONE


def test_a_running_job_is_cancelled_by_the_worker_and_the_next_one_runs(queue, worker):
    first, second = queue.submit("first"), queue.submit("second")
    queue.poll()
    queue.cancel(first)
    queue.cancel(first)
    assert (first.state, worker.cancelled) == (JobState.RUNNING, [1])
    worker.says(cancelled=True)
    queue.poll()
    assert (first.state, second.state, worker.alive) == (JobState.CANCELLED, JobState.RUNNING, True)


def test_a_worker_that_does_not_answer_the_cancel_is_ended_and_another_goes_on(worker):
    now = [0.0]
    queue = JobQueue(worker, clock=lambda: now[0])
    first, second = queue.submit("first"), queue.submit("second")
    queue.poll()
    queue.cancel(first)
    now[0] = GRACE_SECONDS - 0.1
    queue.poll()
    assert first.state is JobState.RUNNING
    now[0] = GRACE_SECONDS + 0.1
    queue.poll()
    assert (first.state, second.state, worker.asked) == (JobState.CANCELLED, JobState.RUNNING, ["first", "second"])


def test_an_error_fails_its_own_job_alone(queue, worker):
    first, second = queue.submit("first"), queue.submit("second")
    queue.poll()
    worker.says(error="It is broken.", details="Here.")
    queue.poll()
    assert (first.state, first.error, first.details) == (JobState.FAILED, "It is broken.", "Here.")
    assert second.state is JobState.RUNNING


def test_a_worker_that_cannot_be_started_fails_every_job_with_a_sentence(queue, worker):
    worker.refuses = "It cannot be started."
    jobs = [queue.submit("job") for _ in range(2)]
    queue.poll()
    queue.poll()
    assert [(job.state, job.error) for job in jobs] == [(JobState.FAILED, worker.refuses)] * 2


def test_a_job_that_reached_a_worker_on_its_way_to_rest_is_given_to_the_next(queue, worker):
    job = queue.submit("job")
    queue.poll()
    worker.alive = False
    queue.poll()
    assert (worker.asked, job.state, queue.place(job)) == (["job", "job"], JobState.RUNNING, 0)


def test_a_job_that_was_cancelled_is_given_to_no_other_worker(queue, worker):
    job = queue.submit("job")
    queue.poll()
    queue.cancel(job)
    worker.alive = False
    queue.poll()
    assert (worker.asked, job.state, queue.place(job)) == (["job"], JobState.CANCELLED, None)


def test_what_a_worker_says_of_an_earlier_job_is_passed_over(queue, worker):
    job = queue.submit("job")
    queue.poll()
    worker.heard = [{"id": 7, "result": {"of": "another"}}, {"id": 0, "result": {}}]
    queue.poll()
    assert (job.state, job.result) == (JobState.RUNNING, {})


def test_closing_cancels_every_job(queue, worker):
    jobs = [queue.submit("job") for _ in range(3)]
    queue.poll()
    queue.close()
    queue.poll()
    assert ([job.state for job in jobs], worker.alive) == ([JobState.CANCELLED] * 3, False)


def test_a_real_worker_takes_twenty_jobs_in_order_and_its_death_costs_one():
    queue, ended = JobQueue(Worker()), []
    jobs = [queue.submit("models") for _ in range(20)]
    queue.poll()
    os.kill(queue.worker._run.child.pid, signal.SIGKILL)
    end = time.monotonic() + 120
    while len(ended) < 20:
        assert time.monotonic() < end, [job.state for job in jobs]
        queue.poll()
        ended += [job for job in jobs if job.state in ENDED and job not in ended]
        time.sleep(0.002)
    queue.close()
    assert ended == jobs
    assert [job.state for job in jobs] == [JobState.FAILED] + [JobState.DONE] * 19
    assert "ended by the system" in jobs[0].error
    assert all(job.result["models"] for job in jobs[1:])


def test_a_job_that_no_message_can_hold_fails_alone():
    queue = JobQueue(Worker())
    first, second = queue.submit("segment", options={"limit": float("inf")}), queue.submit("devices")
    queue.poll()
    assert (first.state, second.state) == (JobState.FAILED, JobState.WAITING)
    assert "cannot be handed over" in first.error
    queue.poll()
    assert second.state is JobState.RUNNING
    queue.close()


def test_a_job_that_a_starting_worker_has_is_cancelled_at_once_and_the_start_goes_on(queue, worker):
    worker.ready = False
    first, second = queue.submit("first"), queue.submit("second")
    queue.poll()
    queue.cancel(first)
    assert (first.state, worker.cancelled, worker.alive) == (JobState.CANCELLED, [1], True)
    queue.poll()
    worker.heard = [{"id": 0, "result": {}}, {"id": 1, "cancelled": True}]
    queue.poll()
    assert (worker.asked, second.state, second.begun) == (["first", "second"], JobState.RUNNING, True)


def test_a_worker_that_hangs_at_a_job_cancelled_while_it_started_is_ended_for_the_next_job(worker):
    now = [0.0]
    queue, worker.ready = JobQueue(worker, clock=lambda: now[0]), False
    first, second = queue.submit("first"), queue.submit("second")
    queue.poll()
    queue.cancel(first)
    queue.poll()
    now[0] = 100.0  # a start may take long
    worker.heard = [{"id": 0, "result": {}}]
    queue.poll()
    assert (worker.alive, second.state) == (True, JobState.RUNNING)
    now[0] += 2 * GRACE_SECONDS
    queue.poll()
    queue.poll()
    assert worker.asked == ["first", "second", "second"]
    assert (first.state, second.state) == (JobState.CANCELLED, JobState.RUNNING)


def test_a_question_beside_the_jobs_is_asked_and_answered_at_once(queue, worker):
    job = queue.submit("job")
    queue.poll()
    question, other = queue.ask("models"), queue.ask("devices")
    assert worker.asked == ["job", "models", "devices"]
    worker.heard = [{"id": 2, "result": {"models": []}}, {"id": 3, "error": "It is broken."}]
    queue.poll()
    assert (question.state, question.result, queue.place(job)) == (JobState.DONE, {"models": []}, 0)
    assert (other.state, other.error, job.state) == (JobState.FAILED, "It is broken.", JobState.RUNNING)


def test_a_start_that_fails_fails_all_that_the_worker_was_asked(queue, worker):
    question, job, waiting = queue.ask("models"), queue.submit("job"), queue.submit("waiting")
    queue.poll()
    worker.heard = [{"id": 0, "error": "PyTorch is broken.", "details": "Here."}]
    queue.poll()
    assert [(each.state, each.error) for each in (question, job)] == [(JobState.FAILED, "PyTorch is broken.")] * 2
    assert waiting.state is JobState.RUNNING  # by another worker


def test_a_job_whose_files_are_gone_with_the_worker_is_given_to_no_other(worker):
    queue = JobQueue(worker, again=False)
    job = queue.submit("job")
    queue.poll()
    worker.alive = False
    queue.poll()
    assert (worker.asked, job.state) == (["job"], JobState.FAILED)
    assert "gone to rest" in job.error


def test_what_was_asked_beside_a_job_that_lost_the_gpu_is_asked_of_the_next_worker(queue, worker, monkeypatch):
    job = queue.submit("segment")
    queue.poll()
    question = queue.ask("devices")
    heard = [{"id": job.number, "result": {}, "device_lost": True}]
    monkeypatch.setattr(worker, "poll", lambda: setattr(worker, "alive", False) or heard)  # as a client has it
    queue.poll()
    monkeypatch.undo()
    assert job.state is JobState.DONE
    assert worker.asked == ["segment", "devices"]  # not within the poll that tells of the job: its files are read now
    queue.poll()
    assert worker.asked == ["segment", "devices", "devices"]
    worker.says(result={"devices": []})
    queue.poll()
    assert question.state is JobState.DONE
