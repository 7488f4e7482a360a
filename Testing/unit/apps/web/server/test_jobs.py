import os
import signal
import time

import numpy as np
import pytest
from support.determinism_cases import save_model
from support.scripted_worker import Scripted

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from LiverTumorSegLib.apps.web.server.jobs import SessionJobs
from LiverTumorSegLib.apps.web.session.server_link import QueuedWorker
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.apps.worker.protocol import decode, encode
from LiverTumorSegLib.apps.worker.queue import JobQueue
from LiverTumorSegLib.core.volume import Volume

SLOW = Volume(np.random.default_rng(0).integers(-100, 200, (24, 256, 256)).astype(np.int16), np.diag([1, 1, 2, 1.0]))
AWAKE = PanelSettings(device="cpu", coarse_pass=False)


class Front:
    """Jobs of a scripted worker that is ready, and what each session heard."""

    def __init__(self):
        self.worker, self.heard = Scripted(), {}
        self.jobs = SessionJobs(JobQueue(self.worker))

    def ask(self, session, number, command="segment"):
        self.take(session, {"id": number, "do": command})

    def take(self, session, message):
        self.jobs.take(session, message, self.heard.setdefault(session, []).append)

    def say(self, **message):
        """Let the worker say something; returns what every session hears then."""
        self.worker.says(**message)
        return self.news()

    def news(self):
        for heard in self.heard.values():
            heard.clear()
        self.jobs.poll()
        return {session: list(heard) for session, heard in self.heard.items() if heard}


@pytest.fixture
def starting():
    front = Front()
    front.news()
    return front


@pytest.fixture
def front(starting):
    starting.worker.ready = True
    starting.say(result={"models": ["tiny"]})
    starting.say(result={"devices": ["cpu"]})
    return starting


def waiting(number, words):
    return {"id": 0, "of": number, "at": 0.0, "says": words}


def test_models_and_devices_are_asked_once_at_start_and_answered_to_everybody(starting):
    starting.ask("a", 1, "models")
    starting.ask("b", 1, "devices")
    starting.worker.ready = True
    assert starting.say(at=0.0, says="Looking for models") == {}
    assert starting.say(result={"models": ["tiny"]}) == {"a": [{"id": 1, "result": {"models": ["tiny"]}}]}
    assert starting.say(result={"devices": ["cpu"]}) == {"b": [{"id": 1, "result": {"devices": ["cpu"]}}]}
    starting.ask("b", 2, "models")
    assert starting.news() == {"b": [{"id": 2, "result": {"models": ["tiny"]}}]}
    assert starting.worker.asked == ["models", "devices"]


def test_a_failed_answer_is_asked_for_again_before_the_jobs_that_wait(starting):
    starting.ask("a", 1, "models")
    assert starting.say(error="It is broken.") == {"a": [{"id": 1, "error": "It is broken.", "details": ""}]}
    for number in (2, 3):
        starting.ask("b", number)
    starting.say(result={"devices": ["cpu"]})
    starting.ask("a", 4, "models")
    starting.ask("c", 1, "models")
    starting.say(result={})
    assert starting.worker.asked == ["models", "devices", "segment", "models"]
    told = starting.say(result={"models": ["tiny"]})
    assert told["a"] == [{"id": 4, "result": {"models": ["tiny"]}}]
    assert told["c"] == [{"id": 1, "result": {"models": ["tiny"]}}]


def test_each_session_sees_how_many_jobs_of_others_are_before_its_own(front):
    for session in "abc":
        front.ask(session, 5)
    began = {"id": 0, "of": 5, "result": {}}
    assert front.news() == {
        "a": [began, {"id": 5, "at": 0.0, "says": ""}],
        "b": [waiting(5, "Waiting: 1 job is before yours")],
        "c": [waiting(5, "Waiting: 2 jobs are before yours")],
    }
    assert front.news() == {}
    assert front.say(at=0.5, says="Half") == {"a": [{"id": 5, "at": 0.5, "says": "Half"}]}
    assert front.say(result={"liver_ml": 7}) == {
        "a": [{"id": 5, "result": {"liver_ml": 7}}],
        "b": [began, {"id": 5, "at": 0.0, "says": ""}],
        "c": [waiting(5, "Waiting: 1 job is before yours")],
    }


def test_a_session_does_not_wait_for_others_where_the_job_before_is_its_own_cancelled_one(front):
    front.ask("a", 1)
    front.news()
    front.take("a", {"cancel": 1})
    front.ask("a", 2)
    assert front.news() == {"a": [waiting(2, "")]}


def test_until_the_worker_is_ready_a_job_has_not_begun_and_says_why(starting):
    starting.ask("a", 1)
    assert starting.news() == {"a": [waiting(1, "")]}  # models and devices are none of a user's concern
    starting.say(result={"models": []})
    starting.say(result={"devices": []})
    starting.worker.heard = [{"id": 0, "at": 0.0, "says": "Loading PyTorch"}]
    assert starting.news() == {"a": [waiting(1, "Loading PyTorch")]}
    starting.worker.ready, starting.worker.heard = True, [{"id": 0, "result": {}}]
    assert starting.news() == {"a": [{"id": 0, "of": 1, "result": {}}, {"id": 1, "at": 0.0, "says": ""}]}


def test_a_cancel_stops_the_sessions_own_job_alone(front):
    for session in "abc":
        front.ask(session, 5)
    front.news()
    front.take("b", {"cancel": 5})
    assert front.news() == {
        "b": [{"id": 5, "cancelled": True}],
        "c": [waiting(5, "Waiting: 1 job is before yours")],
    }
    assert front.worker.cancelled == []
    front.take("a", {"cancel": 5})
    assert front.worker.cancelled == [3]
    told = front.say(cancelled=True)
    assert told["a"] == [{"id": 5, "cancelled": True}]
    assert told["c"][0] == {"id": 0, "of": 5, "result": {}}


def test_the_end_of_a_session_cancels_its_jobs_and_it_hears_no_more(front):
    front.ask("a", 1)
    front.ask("b", 2)
    front.ask("a", 3)
    front.news()
    front.jobs.drop("a")
    assert front.worker.cancelled == [3]
    assert list(front.say(cancelled=True)) == ["b"]
    assert front.say(result={}) == {"b": [{"id": 2, "result": {}}]}
    assert front.worker.asked.count("segment") == 2


def test_a_session_that_closes_gives_up_its_jobs_and_can_ask_again(front):
    front.ask("a", 1)
    front.ask("a", 2)
    front.news()
    front.take("a", {"close": True})
    front.ask("a", 3)
    told = front.say(cancelled=True)["a"]
    assert told == [
        {"id": 1, "cancelled": True},
        {"id": 2, "cancelled": True},
        {"id": 0, "of": 3, "result": {}},
        {"id": 3, "at": 0.0, "says": ""},
    ]


def test_closing_and_cancelling_leave_what_others_asked_too(starting):
    starting.ask("a", 1, "models")
    starting.ask("b", 1, "models")
    starting.take("a", {"cancel": 1})
    starting.take("a", {"close": True})
    starting.jobs.drop("a")
    assert starting.worker.cancelled == []
    assert list(starting.say(result={"models": []})) == ["b"]


@pytest.mark.parametrize("command", ["segment_file", "import_model", "download_model", "remove_model", "none", ""])
def test_a_page_can_ask_for_no_other_command(front, command):
    front.ask("a", 1, command)
    assert front.heard["a"] == [{"id": 1, "error": f"A page may not ask for “{command}”.", "details": ""}]
    front.news()
    assert len(front.worker.asked) == 2


@pytest.mark.parametrize("message", [{}, {"id": 1}, {"do": "segment"}, {"cancel": "1"}, {"id": 1, "do": 2}])
def test_what_is_no_question_is_passed_over(front, message):
    front.take("a", message)
    assert front.news() == {}


def test_arguments_of_any_name_are_the_workers_to_judge(front):
    arguments = {"command": "x", "self": "y", "number": 3}
    front.take("a", {"id": 1, "do": "segment", "with": arguments})
    front.news()
    assert (front.worker.asked[-1], front.worker.given[-1]) == ("segment", arguments)


class Office:
    """Panels of several sessions and the one real worker."""

    def __init__(self, folder):
        self.folder, self.queue = folder, JobQueue(Worker())
        self.jobs = SessionJobs(self.queue)
        self.panels = []

    def panel(self, name):
        """A session's panel; messages go over the wire both ways."""
        (self.folder / name).mkdir()

        def send(message):
            self.jobs.take(name, decode(encode(message)), lambda answer: worker.take(decode(encode(answer))))

        worker = QueuedWorker(send, self.folder / name)
        self.panels.append(Panel(worker))
        return self.panels[-1]

    def until(self, there, seconds=120):
        end = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < end, [(panel.state, panel.stage, panel.error) for panel in self.panels]
            self.jobs.poll()
            for panel in self.panels:
                panel.poll()
            time.sleep(0.005)


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.queue.close()


@pytest.fixture
def tiny(tmp_path):
    save_model(tmp_path / "model", 3)
    return PanelSettings(model=str(tmp_path / "model"), device="cpu")


def test_two_panels_share_a_worker_wait_cancel_and_survive_its_death(office, tiny, small_phantom):
    first, second = office.panel("first"), office.panel("second")
    results = []
    for panel in (first, second):
        panel.open()
    office.until(lambda: all(panel.models and panel.devices for panel in (first, second)))

    first.segment(SLOW, AWAKE, results.append)
    second.segment(small_phantom.volume, tiny, results.append)
    office.until(lambda: first.fraction > 0.05)
    assert (first.state, second.state) == (PanelState.RUNNING, PanelState.STARTING)
    assert second.stage == "Waiting: 1 job is before yours"

    second.cancel()  # while it waits
    assert second.state is PanelState.CANCELLED
    office.until(lambda: not any(asked.session == "second" for asked in office.jobs._asked))
    assert first.state is PanelState.RUNNING

    second.segment(small_phantom.volume, tiny, results.append)
    first.cancel()  # while it runs
    office.until(lambda: not first.busy and not second.busy)
    assert (first.state, second.state) == (PanelState.CANCELLED, PanelState.DONE)
    assert results[0].volume is small_phantom.volume

    first.segment(SLOW, AWAKE, results.append)
    second.segment(small_phantom.volume, tiny, results.append)
    office.until(lambda: first.fraction > 0.05)
    os.kill(office.queue.worker._run.child.pid, signal.SIGKILL)
    office.until(lambda: not first.busy and not second.busy)
    assert (first.state, second.state) == (PanelState.FAILED, PanelState.DONE)
    assert "ended by the system" in first.error
    assert np.array_equal(results[0].labels, results[1].labels)
    assert set(np.unique(results[0].labels)) > {0}
    assert [list((office.folder / name).iterdir()) for name in ("first", "second")] == [[], []]


def test_a_worker_that_cannot_start_is_told_to_every_panel(office):
    office.queue.worker.python = [str(office.folder / "none")]
    panel = office.panel("first")
    panel.open()
    office.until(lambda: panel.state is PanelState.FAILED)
    assert "cannot be started" in panel.error
