import pytest
from node_core_cases import Node

from LiverTumorSegLib.node.queue import State
from LiverTumorSegLib.node.reaching import Rejected, Unreachable
from LiverTumorSegLib.node.sending import Sending


class Archive:
    """What is sent where, and what comes of it."""

    def __init__(self):
        self.got, self.raises = [], None

    def __call__(self, objects, to):
        self.got.append(([path.relative_to(path.parents[1]).as_posix() for path in objects], to))
        if self.raises:
            raise self.raises


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path, limits={"retry_seconds": 10, "longest_retry_seconds": 35, "send_days": 1})


@pytest.fixture
def archive():
    return Archive()


def made(node, uid="1.2.3"):
    number = node.queue.create(uid, "1.1", "SCANNER")
    node.queue.arrived(f"{uid}.1", number, 1, 0)
    node.queue.waits(number)
    node.queue.begin()
    node.queue.made(number, ["a.dcm", "b.dcm"])
    return number


def test_what_was_sent_is_done(node, archive):
    made(node)
    sending = Sending(node.config, node.queue, archive)
    assert sending.step()
    assert not sending.step()
    assert archive.got == [(["1/a.dcm", "1/b.dcm"], node.config.send)]
    assert node.only().state is State.DONE


def test_an_archive_that_is_down_is_asked_ever_less_often_until_it_answers(node, archive):
    made(node)
    sending = Sending(node.config, node.queue, archive)
    archive.raises = Unreachable("The archive PACS cannot be used now: it does not answer.")
    for pause in (10, 20, 35, 35):
        assert sending.step()
        assert not sending.step(), "not before its time"
        assert (node.only().next_try - node.clock()).total_seconds() == pause
        assert node.only().why == "The archive PACS cannot be used now: it does not answer."
        node.clock.wait(pause)
    archive.raises = None
    sending.step()
    assert (node.only().state, node.only().why) == (State.DONE, "")


def test_an_archive_that_is_down_for_too_long_ends_in_a_failure_that_can_be_tried_again(node, archive):
    made(node)
    sending = Sending(node.config, node.queue, archive)
    archive.raises = Unreachable("It does not answer.")
    node.clock.wait(24 * 3600 + 1)
    sending.step()
    assert (node.only().state, node.only().why) == (State.FAILED, "It does not answer. That was tried for 1 days.")
    node.queue.retry(1)
    archive.raises = None
    sending.step()
    assert node.only().state is State.DONE


def test_what_the_archive_refuses_has_failed(node, archive, caplog):
    made(node)
    archive.raises = Rejected("The archive PACS refuses: it knows no such class.")
    Sending(node.config, node.queue, archive).step()
    assert (node.only().state, node.only().why) == (State.FAILED, str(archive.raises))
    assert "job 1: failed. The archive PACS refuses" in caplog.text


def test_an_error_that_nobody_foresaw_holds_no_other_series_up_and_is_not_quoted(node, archive, caplog):
    made(node)
    archive.raises = KeyError("Some^One")
    sending = Sending(node.config, node.queue, archive)
    sending.step()
    assert node.only().state is State.SENDING
    assert node.only().why.startswith("Sending failed unexpectedly (KeyError at test_node_sending.py")
    assert "Some^One" not in node.only().why
    archive.raises = None
    made(node, "1.2.4")
    sending.step()
    assert node.queue.find(2).state is State.DONE
