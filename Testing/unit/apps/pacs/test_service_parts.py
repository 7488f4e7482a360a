import threading

from LiverTumorSegLib.apps.pacs.service import StepThread

PATIENCE = 30


def test_a_step_is_done_again_at_once_while_it_finds_something():
    found, ended = iter([True, True, True]), threading.Event()

    def step():
        if next(found, False):
            return True
        ended.set()
        return False

    part = StepThread("finding", step, pause_seconds=PATIENCE)
    part.start()
    assert ended.wait(PATIENCE / 2)
    part.stop()
    part.join(PATIENCE)


def test_a_step_that_fails_is_logged_without_its_words_and_tried_again(caplog):
    outcomes, ended = iter([KeyError("Some^One")]), threading.Event()

    def step():
        for error in outcomes:
            raise error
        ended.set()

    part = StepThread("stumbling", step, pause_seconds=0.01)
    part.start()
    assert ended.wait(PATIENCE)
    part.stop()
    part.join(PATIENCE)
    assert "stumbling failed unexpectedly, and will be tried again in 1 s" in [
        record.message for record in caplog.records
    ]


def test_a_part_that_is_told_to_stop_does_so_in_its_pause():
    part = StepThread("resting", lambda: None, pause_seconds=1000)
    part.start()
    part.stop()
    part.join(PATIENCE)
    assert not part._thread.is_alive()
