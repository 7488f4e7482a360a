import os
import time

import pytest
from evaluation_cases import save, save_pair, small_pair

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.evaluation.pairs.pairing import find
from LiverTumorSegLib.evaluation.run import for_each, measure_all
from LiverTumorSegLib.evaluation.settings import Settings
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
    time.sleep(0.5)
    return number


def fail(number):
    raise ZeroDivisionError


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


def test_a_process_that_dies_is_said():
    done, failed = for_each(TASKS, die, 2, Job())
    assert "case 1" in failed
    assert failed["case 1"].startswith("The process that measured it ended unexpectedly")
    assert done.keys() | failed.keys() == TASKS.keys()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_mistake_of_the_program_is_not_taken_for_a_bad_file(processes):
    with pytest.raises(ZeroDivisionError):
        for_each(TASKS, fail, processes, Job())


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


def test_processes_measure_what_one_does(tmp_path):
    pair = small_pair()
    for name in ("a", "b"):
        save_pair(tmp_path, name, pair)
    save(tmp_path / "predictions" / "c.nii.gz", pair.prediction[:4])
    save(tmp_path / "references" / "c.nii.gz", pair.reference)
    matches = find(tmp_path / "predictions", tmp_path / "references")
    settings = Settings()
    alone, failed_alone = measure_all(matches.pairs, settings, 1, Job())
    together, failed_together = measure_all(matches.pairs, settings, 2, Job())
    assert list(alone) == list(together) == ["a", "b"]
    assert list(failed_alone) == ["c"]
    assert failed_alone == failed_together
    for name in alone:
        assert alone[name].to_dict(settings) == together[name].to_dict(settings)
