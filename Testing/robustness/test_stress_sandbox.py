import os
import signal
import sys
import time
from pathlib import Path

import pytest
from support.sandbox import CRASHED, Sandbox


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def sleep_with_child():
    os.fork()
    time.sleep(60)


def fail():
    msg = "some defect"
    raise ValueError(msg)


def die():
    os.kill(os.getpid(), signal.SIGSEGV)


def take(count):
    bytearray(count)


def write(path, count):
    Path(path).write_bytes(bytes(count))


def say(*words):
    print(*words)
    sys.exit(3)


def test_a_command_that_works_is_handled(sandbox):
    outcome = sandbox.livertumorseg("--version")
    assert outcome.handled
    assert not outcome.refused
    assert outcome.out.strip()[0].isdigit()


def test_a_users_mistake_is_refused(sandbox, tmp_path):
    outcome = sandbox.livertumorseg("segment", tmp_path / "none.nii", "-o", tmp_path / "out.nii.gz")
    assert outcome.refused
    assert not outcome.handled
    assert "none.nii" in outcome.err


def test_an_exit_code_without_a_sentence_is_no_refusal(sandbox):
    assert not sandbox.run("robustness.test_stress_sandbox:say", "words").refused


def test_a_traceback_is_neither_refused_nor_handled(sandbox):
    outcome = sandbox.run("robustness.test_stress_sandbox:fail")
    assert outcome.code == CRASHED
    assert not outcome.refused
    assert not outcome.handled
    assert "some defect" in str(outcome)


def test_a_crash_tells_its_signal_and_the_next_work_runs(sandbox):
    assert sandbox.run("robustness.test_stress_sandbox:die").code == -signal.SIGSEGV
    assert sandbox.run("builtins:print", "hello").out == "hello\n"


def test_a_hang_is_killed_at_its_limit(sandbox):
    outcome = sandbox.run("robustness.test_stress_sandbox:sleep_with_child", seconds=0.3)
    assert outcome.hung
    assert outcome.seconds < 30
    assert not outcome.handled


def test_being_killed_on_purpose_is_no_hang(sandbox):
    outcome = sandbox.run("time:sleep", 60, kill_after=0.2)
    assert (outcome.code, outcome.hung) == (-signal.SIGKILL, False)


def test_memory_and_files_have_limits(sandbox, tmp_path):
    assert "MemoryError" in sandbox.run("robustness.test_stress_sandbox:take", 2**30, memory=2**28).err
    assert sandbox.run("robustness.test_stress_sandbox:take", 2**20, memory=2**28).handled
    wanted = [str(tmp_path / "file"), 2**20]
    assert "File too large" in sandbox.run("robustness.test_stress_sandbox:write", *wanted, largest_file=2**16).err
    assert sandbox.run("robustness.test_stress_sandbox:write", *wanted).handled


def test_work_runs_in_the_folder_asked_for(sandbox, tmp_path):
    sandbox.run("robustness.test_stress_sandbox:write", "here", 1, folder=tmp_path)
    assert (tmp_path / "here").exists()
