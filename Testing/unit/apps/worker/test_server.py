import os
import threading
import time
import weakref

import pytest
import torch

from LiverTumorSegLib.apps.worker import server
from LiverTumorSegLib.apps.worker.protocol import decode, encode
from LiverTumorSegLib.apps.worker.server import Server
from LiverTumorSegLib.core import device_loss
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled


def commands():
    """Commands that show what the loop does with every kind of end."""

    def run(name, arguments, job):
        if name == "wait":
            while True:
                job.at(0.5, "Waiting")
                time.sleep(0.005)
        if name == "mend":
            msg = "It is broken: mend it."
            raise UserError(msg)
        if name == "crash":
            raise KeyError(name)
        job.at(1, "Done")
        return arguments

    return run


class Talk:
    """A server in a thread, with a pipe to it and a pipe from it."""

    def __init__(self, idle_seconds=30.0, commands=commands):
        ask, self.to = os.pipe()
        self.answers, answer = os.pipe()
        self.server = Server(
            os.fdopen(ask, "rb"), os.fdopen(answer, "wb", buffering=0), idle_seconds=idle_seconds, commands=commands
        )
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.lines = os.fdopen(self.answers, "rb")

    def say(self, message):
        os.write(self.to, encode(message))

    def hear(self, wanted=lambda message: True):
        return next(message for line in self.lines if wanted(message := decode(line)))

    def end(self):
        os.close(self.to)
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def talk():
    talk = Talk()
    assert talk.hear(lambda m: "result" in m)["id"] == 0
    yield talk
    talk.end()


def last(number):
    return lambda message: message["id"] == number and "at" not in message


def test_a_command_is_answered_after_its_progress(talk):
    talk.say({"id": 1, "do": "echo", "with": {"a": 1}})
    assert talk.hear() == {"id": 1, "at": 1, "says": "Done"}
    assert talk.hear() == {"id": 1, "result": {"a": 1}}


def test_what_the_user_can_mend_is_one_sentence(talk):
    talk.say({"id": 1, "do": "mend"})
    assert talk.hear()["error"] == "It is broken: mend it."


def test_a_crash_is_one_sentence_with_details_and_the_next_command_works(talk):
    talk.say({"id": 1, "do": "crash"})
    answer = talk.hear()
    assert "failed unexpectedly (KeyError: 'crash')" in answer["error"]
    assert "Traceback" in answer["details"]
    talk.say({"id": 2, "do": "echo"})
    assert talk.hear(last(2))["result"] == {}


def test_a_running_and_a_waiting_command_can_be_cancelled(talk):
    talk.say({"id": 1, "do": "wait"})
    talk.say({"id": 2, "do": "wait"})
    talk.hear(lambda m: m.get("says") == "Waiting")
    talk.say({"cancel": 2})
    talk.say({"cancel": 1})
    assert talk.hear(last(1)) == {"id": 1, "cancelled": True}
    assert talk.hear(last(2)) == {"id": 2, "cancelled": True}


def test_progress_is_told_at_most_some_twenty_times_a_second(talk):
    talk.say({"id": 1, "do": "wait"})
    for _ in range(4):
        talk.hear(lambda m: "at" in m)
    began = time.monotonic()
    for _ in range(4):
        talk.hear(lambda m: "at" in m)
    assert time.monotonic() - began > 0.15


def test_rubbish_on_the_pipe_is_passed_over(talk):
    os.write(talk.to, b"rubbish\n{}\n[]\n" + encode({"do": "echo"}))
    talk.say({"id": 1, "do": "echo"})
    assert talk.hear(last(1))["result"] == {}


def test_it_ends_when_nobody_asks_for_long():
    talk = Talk(idle_seconds=0.05)
    talk.thread.join(5)
    assert not talk.thread.is_alive()
    talk.end()


def test_it_ends_in_the_middle_of_a_command_when_the_client_is_gone():
    talk = Talk()
    talk.say({"id": 1, "do": "wait"})
    talk.hear(lambda m: m.get("says") == "Waiting")
    talk.end()


def test_a_start_that_fails_is_one_sentence():
    def broken():
        msg = "No module named 'torch'"
        raise ImportError(msg)

    talk = Talk(commands=broken)
    answer = talk.hear(lambda m: "error" in m)
    assert answer["id"] == 0
    assert "could not start (ImportError: No module named 'torch')" in answer["error"]
    talk.end()


def test_a_process_that_has_lost_a_gpu_says_so_with_its_answer_and_ends_soon(monkeypatch):
    monkeypatch.setattr(server, "_LOST_SECONDS", 0.3)
    talk = Talk()
    talk.say({"id": 1, "do": "echo", "with": {}})
    assert "device_lost" not in talk.hear(last(1))
    device_loss.mark_lost("cuda:0")
    try:
        talk.say({"id": 2, "do": "echo", "with": {"a": 1}})
        assert talk.hear(last(2)) == {"id": 2, "result": {"a": 1}, "device_lost": True}
        talk.say({"id": 3, "do": "mend"})
        assert talk.hear(last(3))["device_lost"] is True
        talk.thread.join(10)
        assert not talk.thread.is_alive()
    finally:
        device_loss.forget_losses()
        os.close(talk.to)


@pytest.mark.parametrize("how", [KeyError, UserError, Cancelled, None])
def test_after_each_job_pytorchs_memory_is_given_back_once_nothing_holds_tensors(monkeypatch, how):
    """An exception keeps the frames that it passed through until it has been handled."""
    held, seen = [], []

    def work(name, arguments, job):
        tensor = torch.zeros(3)
        held.append(weakref.ref(tensor))
        if how:
            raise how(*[] if how is Cancelled else [name])
        return arguments

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: seen.append(held[0]()))
    talk = Talk(commands=lambda: work)
    talk.say({"id": 1, "do": "work", "with": {}})
    talk.hear(last(1))
    talk.end()
    assert seen == [None]
