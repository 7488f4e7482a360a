from pathlib import Path

import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


@pytest.fixture
def app(harness):
    import slicer

    return slicer.app


def test_it_says_what_a_module_asks_of_it(app):
    import slicer

    assert app.applicationName == "Slicer"
    assert (app.majorVersion, app.minorVersion) == tuple(int(part) for part in app.applicationVersion.split(".")[:2])
    assert Path(app.temporaryPath).is_dir()
    assert app.layoutManager() is None
    assert slicer.util.mainWindow() is None
    assert app.mrmlScene() is slicer.mrmlScene
    assert app.applicationLogic().GetMRMLScene() is slicer.mrmlScene


def test_the_clipboard_keeps_text(app):
    app.clipboard().setText("copied")
    assert app.clipboard().text() == "copied"


def test_settings_stay_in_a_temporary_folder(app):
    import slicer

    app.settings().setValue("Tiny/Device", "cpu")
    assert slicer.util.settingsValue("Tiny/Device", "auto") == "cpu"
    assert app.settings().fileName().startswith(app.temporaryPath)


def test_the_module_manager_finds_modules(app):
    import slicer

    assert app.moduleManager().module("Volumes") is slicer.modules.volumes
    assert app.moduleManager().module("Nothing") is None
    assert "Segmentations" in slicer.util.moduleNames()


def test_dialogs_are_skipped_in_testing_mode(app, caplog):
    import slicer

    assert slicer.util.errorDisplay("It failed") is None
    assert "It failed" in caplog.text


@pytest.mark.parametrize("answer", ["Ok", "Cancel"])
def test_dialogs_are_shown_without_testing_mode(harness, app, answer):
    import qt
    import slicer

    def click():
        app.activeModalWidget().button(getattr(qt.QMessageBox, answer)).click()

    app.testing = False
    qt.QTimer.singleShot(20, click)
    confirmed = harness.in_event_loop(lambda: slicer.util.confirmOkCancelDisplay("Really?"))
    app.testing = True
    assert confirmed == (answer == "Ok")


def test_what_has_no_stand_in_fails_loudly(app):
    with pytest.raises(AttributeError, match="coreIOManager"):
        app.coreIOManager()
