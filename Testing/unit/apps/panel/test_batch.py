import pytest
from support.scripted_worker import Scripted

from LiverTumorSegLib.apps.panel.batch import BatchItem, BatchRun
from LiverTumorSegLib.apps.panel.job_runner import JobRunner, PanelState
from LiverTumorSegLib.core.errors import UserError


class Worker(Scripted):
    def __init__(self, scratch):
        super().__init__()
        self.scratch, self.ready = scratch, True

    def log(self):
        return ""


@pytest.fixture
def panel(tmp_path):
    return JobRunner(Worker(tmp_path))


@pytest.fixture
def cleaned():
    return []


@pytest.fixture
def run(panel, cleaned):
    """Three jobs that follow each other."""

    def item(name):
        def start(take):
            panel.begin(name, lambda answer, _: take(answer, answer["warnings"]), {})

        return BatchItem(name, start, lambda: cleaned.append(name))

    ended = []
    made = BatchRun(panel, [item(name) for name in ("one", "two", "three")], ended.append)
    made.ended = ended
    panel.changed.insert(0, made.follow)
    return made


def say(panel, **message):
    panel.worker.says(**message)
    panel.poll()


def test_one_follows_the_other_and_nobody_sees_an_idle_panel_between(panel, run, cleaned):
    seen = []
    panel.changed.append(lambda: seen.append((panel.busy, run.over)))
    run.follow()
    assert (run.number, run.item.name, run.fraction) == (1, "one", 0)
    say(panel, at=0.5, says="Segmenting")
    assert run.fraction == pytest.approx(0.5 / 3)
    for liver in (1, 2, 3):
        assert panel.busy
        say(panel, result={"liver_ml": liver, "warnings": ["odd"]})
    assert all(busy or over for busy, over in seen)
    assert [(answer.name, answer.table["liver_ml"], answer.remarks) for answer in run.answers] == [
        ("one", 1, ("odd",)),
        ("two", 2, ("odd",)),
        ("three", 3, ("odd",)),
    ]
    assert cleaned == ["one", "two", "three"]
    assert run.ended == [run]
    assert run.over
    assert not run.cancelled
    assert run.fraction == 1
    panel.poll()
    assert panel.worker.asked == ["one", "two", "three"]


def test_what_fails_does_not_stop_the_rest(panel, run, cleaned):
    run.follow()
    say(panel, error="It is damaged.")
    say(panel, result={"liver_ml": 2, "warnings": []})
    say(panel, error="It is no CT.")
    assert [answer.remarks for answer in run.failed] == [("It is damaged.",), ("It is no CT.",)]
    assert [answer.table for answer in run.answers] == [None, {"liver_ml": 2, "warnings": []}, None]
    assert cleaned == ["one", "two", "three"]
    assert run.ended == [run]


def test_a_cancelled_job_is_the_last(panel, run, cleaned):
    run.follow()
    say(panel, result={"liver_ml": 1, "warnings": []})
    panel.cancel()
    say(panel, cancelled=True)
    assert panel.state is PanelState.CANCELLED
    assert run.cancelled
    assert [answer.name for answer in run.answers] == ["one"]
    assert cleaned == ["one", "two"]
    assert run.ended == [run]
    assert panel.worker.asked == ["one", "two"]


def test_what_cannot_begin_and_a_result_that_cannot_be_shown_have_failed(panel):
    def refuse(take):
        msg = "It holds no image."
        raise UserError(msg)

    def break_down(take):
        raise MemoryError

    def begin(take):
        panel.begin("last", lambda answer, _: take(answer, ()) or 1 / 0, {})

    ended = []
    items = [BatchItem("refused", refuse), BatchItem("broken", break_down), BatchItem("unseen", begin)]
    run = BatchRun(panel, items, ended.append)
    panel.changed.insert(0, run.follow)
    run.follow()
    say(panel, result={"liver_ml": 1})
    assert [answer.table for answer in run.answers] == [None] * 3
    assert run.answers[0].remarks == ("It holds no image.",)
    assert "MemoryError" in run.answers[1].remarks[0]
    assert "could not be shown" in run.answers[2].remarks[0]
    assert ended == [run]


def test_hundreds_that_fail_at_once_are_no_burden(panel):
    def refuse(take):
        panel.worker.refuses = "There is no memory left."
        panel.begin("one", lambda *_: None, {})

    ended = []
    run = BatchRun(panel, [BatchItem(str(n), refuse) for n in range(2000)], ended.append)
    panel.changed.insert(0, run.follow)
    run.follow()
    assert len(run.failed) == 2000
    assert run.failed[-1].remarks == ("There is no memory left.",)
    assert ended == [run]
