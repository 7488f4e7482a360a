import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.repository import ROOT
from support.worker_messages import hear

from LiverTumorSegLib.apps.worker import client
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.core.errors import UserError


def test_a_command_is_answered_by_a_child_that_stays(warm_worker):
    first = hear(warm_worker, warm_worker.ask("devices"))[-1]["result"]
    assert {"name": "cpu", "title": "CPU", "free_bytes": None} in first["devices"]
    assert warm_worker.ready
    began = time.monotonic()
    assert hear(warm_worker, warm_worker.ask("devices"))[-1]["result"] == first
    assert time.monotonic() - began < 1


def test_nothing_is_started_before_the_first_question():
    worker = Worker()
    assert not worker.alive
    assert worker.poll() == []
    assert worker.log() == ""
    worker.cancel(1)
    worker.close()


def test_a_child_that_was_killed_becomes_one_sentence_and_the_next_question_starts_another():
    worker = Worker()
    worker.ask("devices")
    child, folder = worker._run.child, worker.scratch
    os.kill(child.pid, signal.SIGKILL)
    said = hear(worker, 1)[-1]
    assert "ended by the system, most likely because memory ran out" in said["error"]
    assert not worker.alive
    assert not folder.exists()
    assert "result" in hear(worker, worker.ask("devices"))[-1]
    worker.close()


def test_closing_leaves_neither_processes_nor_files():
    worker = Worker()
    worker.ask("devices")
    folder, process = worker.scratch, psutil.Process(worker._run.child.pid)
    worker.close()
    assert not process.is_running()
    assert not folder.exists()


def test_a_worker_that_nobody_holds_any_more_is_ended():
    worker = Worker()
    worker.ask("devices")
    process = psutil.Process(worker._run.child.pid)
    del worker
    gc.collect()
    assert not process.is_running()


def test_the_child_ends_itself_with_its_files_when_the_parent_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from LiverTumorSegLib.apps.worker.client import Worker\n"
        f"worker = Worker(temporary=Path({str(tmp_path)!r})); worker.ask('devices')\n"
        "print(worker._run.child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    assert psutil.wait_procs([child], timeout=30)[0]
    assert list(tmp_path.iterdir()) == []


def test_an_idle_child_ends_without_a_word_and_another_takes_over():
    worker = Worker(idle_seconds=0.2)
    folder = worker.scratch  # of the child that is asked: asked for later, it would be that of another
    hear(worker, worker.ask("devices"))
    end = time.monotonic() + 20
    while worker.alive and time.monotonic() < end:
        assert worker.poll() == []
        time.sleep(0.02)
    assert not worker.alive
    assert not folder.exists()
    assert "result" in hear(worker, worker.ask("devices"))[-1]
    worker.close()


def test_a_python_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be started"):
        Worker([str(tmp_path / "none")], temporary=tmp_path).ask("devices")
    assert list(tmp_path.iterdir()) == []


def test_a_python_without_the_packages_is_one_sentence(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # without site-packages
    python.chmod(0o755)
    worker = Worker([str(python)])
    said = hear(worker, worker.ask("devices"))[-1]
    assert "could not start (ModuleNotFoundError" in said["error"]
    worker.close()


def test_a_job_that_prints_does_not_disturb_the_messages(warm_worker, tmp_path):
    answer = hear(warm_worker, warm_worker.ask("import_model", folder=str(tmp_path)))[-1]
    assert "is not a model folder" in answer["error"]


def test_the_exchange_folder_is_the_users_alone(warm_worker):
    if os.name == "posix":
        assert warm_worker.scratch.stat().st_mode & 0o077 == 0
    assert Path(warm_worker.scratch).name.startswith("livertumorseg-")


def test_a_launcher_between_changes_neither_the_messages_nor_the_end(tmp_path):
    """As Slicer's own: the interpreter is a child of the program that is started, and a crash becomes exit code 1."""
    launcher = tmp_path / "launcher"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@" || exit 1\n')
    launcher.chmod(0o755)
    worker = Worker([str(launcher)])
    assert "result" in hear(worker, worker.ask("devices"))[-1]
    family = psutil.Process(worker._run.child.pid).children(recursive=True)
    assert len(family) == 1
    number = worker.ask("devices")
    family[0].kill()
    said = hear(worker, number)[-1]
    if "result" in said:  # it was quicker
        said = hear(worker, number)[-1]
    assert "(exit code 1), perhaps because memory ran out" in said["error"]
    assert "result" in hear(worker, worker.ask("devices"))[-1]
    family = psutil.Process(worker._run.child.pid).children(recursive=True)
    worker.close()
    assert psutil.wait_procs(family, timeout=5)[1] == []


def stand_in(tmp_path, code):
    """Something that is started in place of a worker."""
    (tmp_path / "stand_in.py").write_text(f"import os, time\n{code}")
    return [sys.executable, str(tmp_path / "stand_in.py")]


def test_a_child_that_never_becomes_ready_gives_way_to_the_next_question(tmp_path):
    worker = Worker(stand_in(tmp_path, "time.sleep(600)"), start_seconds=0.05)
    worker.ask("devices")
    hung = psutil.Process(worker._run.child.pid)
    time.sleep(0.1)
    worker.python = [sys.executable]
    assert "result" in hear(worker, worker.ask("devices"))[-1]
    assert not hung.is_running()
    worker.close()


def test_a_child_that_became_ready_while_nobody_looked_stays_and_its_answers_too(tmp_path):
    says = ['{"id": 0, "result": {}}', '{"id": 1, "result": {"a": 1}}']
    code = f"print(*{says}, sep=chr(10), flush=True)\nos.mkdir({str(tmp_path / 'said')!r})\ntime.sleep(600)"
    worker = Worker(stand_in(tmp_path, code), start_seconds=0)
    first, child, end = worker.ask("devices"), worker._run.child, time.monotonic() + 60
    while not (tmp_path / "said").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    worker.ask("models")
    assert worker._run.child is child
    assert hear(worker, first)[-1]["result"] == {"a": 1}
    worker.close()


def test_a_child_that_closes_its_output_and_lives_is_ended_with_one_sentence(tmp_path):
    worker = Worker(stand_in(tmp_path, "os.close(1)\ntime.sleep(600)"))
    said = hear(worker, worker.ask("devices"))[-1]
    assert said["error"] == "The segmentation process does not answer any more and was ended: try again."
    assert not worker.alive


def test_a_full_pipe_is_not_waited_for(tmp_path):
    worker = Worker(stand_in(tmp_path, "time.sleep(600)"))
    for _ in range(3):
        worker.ask("measure", labels="x" * 100_000)
        assert worker.poll() == []
    worker.close()


def test_what_a_killed_client_and_its_killed_child_left_goes_with_the_next(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from LiverTumorSegLib.apps.worker.client import Worker\n"
        "worker = Worker(temporary=Path(sys.argv[1])); worker.ask('devices')\n"
        "os.kill(worker._run.child.pid, signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    worker = Worker(temporary=tmp_path)
    scratch = worker.scratch
    assert list(tmp_path.iterdir()) == [scratch]
    worker.close()
    assert list(tmp_path.iterdir()) == []


def test_after_a_lost_gpu_the_files_stay_and_the_next_question_starts_another(tmp_path):
    """The client learns of the loss with the answer; the files of the answer are read after it."""
    (tmp_path / "loses.py").write_text(
        "import sys\n"
        "from LiverTumorSegLib.apps.worker import __main__ as worker, server\n"
        "from LiverTumorSegLib.core.device_loss import mark_lost\n"
        "server._load = lambda base: lambda name, given, job: mark_lost('cuda:0') or given\n"
        "worker.main()\n"
    )
    worker = Worker()
    command = [sys.executable, str(tmp_path / "loses.py")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.child_process, "command", lambda module, words, python: [*command, *words])
        number = worker.ask("echo", a=1)
        said = hear(worker, number)[-1]
        assert said["device_lost"] is True
        first, folder = worker._run.child, worker._run.folder
        assert folder.exists()
        assert not worker.alive
        assert not worker.ready
        assert worker.scratch != folder
        assert worker._run.child.pid != first.pid
        assert first.poll() is not None
        assert not folder.exists()
    worker.close()
