import sys

import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


def test_an_exception_in_a_slot_is_caught(harness):
    import qt

    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda: 1 / 0)
    button.click()
    assert isinstance(harness.errors.pop(), ZeroDivisionError)


def test_an_exception_in_a_timer_is_caught(harness):
    import qt

    qt.QTimer.singleShot(0, lambda: 1 / 0)
    assert harness.wait_until(lambda: harness.errors)
    assert isinstance(harness.errors.pop(), ZeroDivisionError)


def test_an_exception_in_an_observer_of_a_node_is_caught(harness):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    node.AddObserver("ModifiedEvent", lambda *_: 1 / 0)
    node.Modified()
    assert isinstance(harness.errors.pop(), ZeroDivisionError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_in_a_destructor_is_caught(harness):
    class Fragile:
        def __del__(self):
            raise KeyError

    Fragile()
    assert isinstance(harness.errors.pop(), KeyError)


def test_the_hooks_are_given_back():
    from support.slicer_harness import failures

    before = sys.excepthook, sys.unraisablehook
    failures.collect()
    failures.collect()
    assert sys.excepthook is not before[0]
    failures.release()
    assert (sys.excepthook, sys.unraisablehook) == before


def test_a_hook_that_someone_else_took_is_left_alone(monkeypatch):
    from support.slicer_harness import failures

    failures.collect()
    monkeypatch.setattr(sys, "excepthook", print)
    failures.release()
    assert sys.excepthook is print
    monkeypatch.undo()
    sys.excepthook = sys.__excepthook__
