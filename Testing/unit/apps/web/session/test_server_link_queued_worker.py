import numpy as np
import pytest
from support.panels import settle

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from LiverTumorSegLib.apps.web.session.server_link import QueuedWorker
from LiverTumorSegLib.apps.worker.protocol import is_question
from LiverTumorSegLib.core.volume import Volume

MODEL = {"result": {"models": [{"name": "tiny"}]}}
DEVICE = {"result": {"devices": [{"name": "cpu"}], "why_no_gpu": "None is there."}}
CT = Volume(np.zeros((4, 5, 6), np.int16), np.eye(4))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def sent():
    return []


@pytest.fixture
def worker(sent, tmp_path):
    return QueuedWorker(sent.append, tmp_path)


@pytest.fixture
def panel(worker):
    return Panel(worker, clock=Clock())


def hear(panel, *messages):
    for message in messages:
        panel.worker.take(message)
    panel.poll()


def segment(panel):
    """Start a job; returns its number."""
    panel.segment(CT, PanelSettings(), lambda result: None)
    return panel.worker._last


def test_what_is_asked_and_cancelled_is_sent_as_to_a_worker(worker, sent):
    numbers = worker.ask("models"), worker.ask("preview", model="tiny", volume="ct.nrrd")
    worker.cancel(numbers[1])
    worker.close()
    first, second = numbers
    assert first != second
    assert sent == [
        {"id": first, "do": "models", "with": {}},
        {"id": second, "do": "preview", "with": {"model": "tiny", "volume": "ct.nrrd"}},
        {"cancel": second},
        {"close": True},
    ]
    assert all(map(is_question, sent[:3]))


def test_models_and_devices_reach_the_panel_beside_a_job(panel):
    panel.open()
    number = segment(panel)
    hear(panel, {"id": 2} | DEVICE, {"id": number, "at": 0.5, "says": "Half"}, {"id": 1} | MODEL)
    assert (panel.models[0]["name"], panel.devices[0]["name"]) == ("tiny", "cpu")
    assert (panel.fraction, panel.stage) == (0.5, "Half")


def test_a_job_waits_until_the_front_says_that_it_began_and_then_the_time_counts(panel):
    number, clock = segment(panel), panel._clock
    assert panel.state is PanelState.STARTING
    hear(panel, {"id": 0, "of": number, "at": 0.0, "says": "Waiting: 1 job is before yours"})
    assert (panel.state, panel.stage) == (PanelState.STARTING, "Waiting: 1 job is before yours")
    clock.now = 1000.0
    hear(panel, {"id": 0, "of": number, "result": {}})
    assert (panel.state, panel.stage) == (PanelState.RUNNING, "")
    clock.now = 1010.0
    hear(panel, {"id": number, "at": 0.5, "says": "Half"})
    assert panel.seconds_left == pytest.approx(10.0)


def test_cancelling_while_waiting_leaves_no_trace_and_does_not_start_the_next_job(panel, sent, tmp_path):
    first = segment(panel)
    panel.cancel()
    assert (panel.state, sent[-1]) == (PanelState.CANCELLED, {"cancel": first})
    assert list(tmp_path.iterdir()) == []
    second = segment(panel)
    hear(panel, {"id": 0, "of": first, "result": {}}, {"id": first, "cancelled": True})
    assert (panel.state, panel._job.queued.number) == (PanelState.STARTING, second)
    hear(panel, {"id": 0, "of": second, "result": {}})
    assert panel.state is PanelState.RUNNING


def test_a_cancel_that_is_not_answered_gives_everything_up_and_the_next_job_is_sent(panel, sent):
    number = segment(panel)
    hear(panel, {"id": 0, "of": number, "result": {}})
    panel.cancel()
    assert (panel.state, sent[-1]) == (PanelState.CANCELLING, {"cancel": number})
    panel._clock.now = 1.0
    panel.poll()
    assert (panel.state, sent[-1]) == (PanelState.CANCELLED, {"close": True})
    segment(panel)
    assert (panel.state, sent[-1]["do"]) == (PanelState.STARTING, "segment")


def test_the_answer_to_a_cancel_ends_the_job(panel):
    number = segment(panel)
    hear(panel, {"id": 0, "of": number, "result": {}})
    panel.cancel()
    hear(panel, {"id": number, "cancelled": True})
    assert panel.state is PanelState.CANCELLED


def test_an_error_of_a_job_is_shown_with_its_details(panel):
    number = segment(panel)
    hear(panel, {"id": number, "error": "It is broken.", "details": "Here."})
    assert (panel.state, panel.error, panel.details) == (PanelState.FAILED, "It is broken.", "Here.")


def test_it_is_shown_when_models_cannot_be_asked_for(panel):
    panel.open()
    hear(panel, {"id": 1, "error": "PyTorch is broken."})
    assert (panel.state, panel.error) == (PanelState.FAILED, "PyTorch is broken.")
    panel.open()
    hear(panel, {"id": 3} | MODEL)
    assert panel.models


def test_a_job_goes_on_when_models_cannot_be_asked_for(panel):
    panel.open()
    number = segment(panel)
    hear(panel, {"id": 1, "error": "It is broken."}, {"id": 0, "of": number, "result": {}})
    assert (panel.state, panel.error) == (PanelState.RUNNING, "")


def test_words_of_the_front_that_are_no_answers_are_passed_over(panel):
    number = segment(panel)
    hear(panel, {}, {"arrived": {"name": "ct.nii"}}, {"id": number}, {"id": 0, "result": {}}, {"id": 0, "of": number})
    assert panel.state is PanelState.STARTING
    settle(panel, lambda p: p.worker.poll() == [])
