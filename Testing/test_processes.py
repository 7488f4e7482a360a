import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.processes import for_each
from LiverTumorSegLib.progress import Cancelled, CancelToken, Job


def double(number):
    return 2 * number


def stumble(number):
    if number == 1:
        msg = "one.nii cannot be read: get it again."
        raise UserError(msg)
    if number == 2:
        raise MemoryError
    return number


def die(number):
    if number == 1:
        os._exit(9)
    return number


def linger(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def press(number):
    """Ctrl-C in the process itself, as a terminal sends it to all of a group."""
    os.kill(os.getpid(), signal.SIGINT)
    return number


def fail(number):
    if number == 1:
        msg = "a mistake"
        raise ZeroDivisionError(msg)
    return number


TASKS = {f"case {n}": (n,) for n in range(4)}


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_given(processes):
    assert for_each(TASKS, double, processes, Job()) == ({f"case {n}": 2 * n for n in range(4)}, {})


@pytest.mark.parametrize("processes", [1, 2])
def test_what_cannot_be_measured_is_said_and_the_others_go_on(processes):
    done, failed = for_each(TASKS, stumble, processes, Job())
    assert done == {"case 0": 0, "case 3": 3}
    assert failed["case 1"] == "one.nii cannot be read: get it again."
    assert failed["case 2"].startswith("There is not enough memory")


def test_a_process_that_dies_is_said_and_takes_no_other_along():
    done, failed = for_each(TASKS, die, 2, Job())
    assert done == {"case 0": 0, "case 2": 2, "case 3": 3}
    assert list(failed) == ["case 1"]
    assert failed["case 1"].startswith("Its process ended unexpectedly")


def test_ctrl_c_is_left_to_the_parent():
    assert for_each({"a": (1,), "b": (2,)}, press, 2, Job()) == ({"a": 1, "b": 2}, {})


def test_no_process_outlives_its_parent(tmp_path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "import test_processes as test\n"
        "if __name__ == '__main__':\n"
        "    test.for_each({'a': (sys.argv[1],), 'b': (sys.argv[1],)}, test.linger, 2, test.Job())\n"
    )
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "begun").mkdir()
    here = str(Path(__file__).parent)
    parent = subprocess.Popen([sys.executable, tmp_path / "script.py", tmp_path / "begun", here])
    end = time.monotonic() + 60
    while len(begun := [int(path.name) for path in (tmp_path / "begun").iterdir()]) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while any(psutil.pid_exists(process) for process in begun):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_mistake_of_the_program_costs_its_own_case_alone(processes):
    done, failed = for_each(TASKS, fail, processes, Job())
    assert list(done) == ["case 0", "case 2", "case 3"]
    said = "Something unforeseen happened (ZeroDivisionError: a mistake): please report it."
    assert failed == {"case 1": said}


@pytest.mark.parametrize("processes", [1, 2])
def test_progress_is_told_and_can_be_cancelled(processes):
    cancel, told = CancelToken(), []

    def progress(fraction, sentence):
        told.append(fraction)
        if fraction >= 0.5:
            cancel.cancel()

    with pytest.raises(Cancelled):
        for_each(TASKS, double, processes, Job(progress, cancel))
    assert told == [0, 0.25, 0.5]
