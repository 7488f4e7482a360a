import sys

import pytest
from support.slicer_harness import available, example

application = available.load("application")
fixtures = available.load("fixtures")
harness, tiny = fixtures.harness, fixtures.tiny


def test_starting_again_keeps_the_application_and_cleans_the_scene(harness):
    import slicer

    app, scene = slicer.app, slicer.mrmlScene
    assert harness.start() is app
    assert slicer.mrmlScene is not scene


def test_stopping_closes_modules_and_gives_the_hooks_back(tmp_path):
    import slicer

    hook = sys.excepthook
    application.start()
    application.load_module(example.write(tmp_path))
    widget = application.open_module("Tiny")
    application.stop()
    assert widget.events == ["enter", "exit", "cleanup"]
    assert not hasattr(slicer.modules, "tiny")
    assert "Tiny" not in sys.modules
    assert sys.excepthook is hook


def test_modules_hear_once_that_the_application_has_started(harness, tiny):
    import slicer

    harness.complete_startup()
    harness.complete_startup()
    assert slicer.modules.TinyInstance.startups == 1


def test_waiting_runs_timers_and_ends(harness):
    import qt

    heard = []
    qt.QTimer.singleShot(5, lambda: heard.append(1))
    assert harness.wait_until(lambda: heard)
    assert not harness.wait_until(lambda: False, seconds=0.02)


def test_an_error_in_a_timer_of_the_module_is_collected(harness, tiny):
    tiny.timer.start()
    assert harness.wait_until(lambda: harness.errors)
    assert str(harness.errors.pop()) == "in a timer"


def test_the_panel_can_be_pictured(tiny, tmp_path):
    path = tmp_path / "panel.png"
    assert tiny.parent.grab().save(str(path))
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("name", ["mainWindow", "modulePath"])
def test_slicer_util_is_the_real_one(harness, name):
    import slicer

    assert "site-packages" in getattr(slicer.util, name).__code__.co_filename
