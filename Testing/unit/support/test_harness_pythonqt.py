import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


def test_installing_twice_changes_nothing(harness):
    import qt
    from support.slicer_harness import pythonqt

    lookup = qt.QObject.__getattribute__
    pythonqt.install()
    assert qt.QObject.__getattribute__ is lookup


def test_objects_have_pythonqts_own_methods(harness):
    import qt

    dialog = qt.QDialog()
    assert dialog.className() == "QDialog"
    qt.QTimer.singleShot(0, dialog.accept)
    assert dialog.exec_() == qt.QDialog.Accepted
    dialog.delete()
    with pytest.raises(RuntimeError):
        _ = dialog.visible


@pytest.mark.parametrize("name", ["QMenu", "QProcess", "QFile", "QAction", "QNetworkAccessManager"])
def test_every_class_follows_the_rules(harness, name):
    import qt

    thing = getattr(qt, name)()
    thing.name = "thing"
    assert thing.objectName == "thing"
    with pytest.raises(AttributeError):
        thing.nothing = 1
    with pytest.raises(ValueError, match="no signal"):
        thing.connect("nothing()", print)
