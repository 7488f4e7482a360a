import signal
import subprocess
import sys

import psutil
import pytest

from LiverTumorSegLib.apps.worker import client

_FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def child(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        child = client.start_process([sys.executable, "-c", _FAMILY], tmp_path, log)
    while child.stdout.read(1) is None:
        pass
    yield child
    client.end_process(child)


def test_a_child_goes_with_everything_it_started(child):
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    assert len(family) == 2
    client.end_process(child)
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert child.returncode is not None


def test_killing_twice_does_no_harm(child):
    client.end_process(child)
    client.end_process(child)


def test_reading_never_waits(child):
    assert child.stdout.read(1) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "memory ran out"),
        (-signal.SIGSEGV, "SIGSEGV"),
        (7, "exit code 7"),
    ],
)
def test_why_a_worker_ended_is_said_in_a_sentence(code, words):
    sentence = client.exit_sentence(code)
    assert words in sentence
    assert sentence.endswith(".")


def test_a_program_that_is_not_there_raises(tmp_path):
    with (tmp_path / "log").open("wb") as log, pytest.raises(OSError, match="none"):
        client.start_process([str(tmp_path / "none")], tmp_path, log)
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
