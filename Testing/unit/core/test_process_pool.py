import os
import subprocess
import sys
import time

import psutil
import pytest
from support.pool_work import die, double, fail, press, stumble
from support.repository import PYTHON_PATH

from LiverTumorSegLib.core.process_pool import for_each
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job

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
        "import sys\n"
        "from LiverTumorSegLib.core.process_pool import for_each\n"
        "from LiverTumorSegLib.core.progress import Job\n"
        "from support.pool_work import linger\n"
        "if __name__ == '__main__':\n"
        "    for_each({'a': (sys.argv[1],), 'b': (sys.argv[1],)}, linger, 2, Job())\n"
    )
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "begun").mkdir()
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    parent = subprocess.Popen([sys.executable, tmp_path / "script.py", tmp_path / "begun"], env=environment)
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
    said = "Something unexpected happened (ZeroDivisionError: a mistake): please report it."
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
