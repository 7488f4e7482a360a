import sys

import pytest
from support.slicer_harness import available, example

fixtures = available.load("fixtures")
harness, tiny = fixtures.harness, fixtures.tiny


def click(button):
    from PySide6 import QtCore, QtTest

    QtTest.QTest.mouseClick(button, QtCore.Qt.LeftButton)


@pytest.fixture
def volume(harness):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")


def test_a_module_is_registered_with_what_it_says_of_itself(harness, tiny, tmp_path):
    import slicer

    module = slicer.modules.tiny
    assert (module.name, module.title, module.categories) == ("Tiny", "A tiny module", ["Examples"])
    assert slicer.util.modulePath("Tiny") == str(tmp_path / "Tiny.py")
    assert slicer.util.getModule("Tiny") is module
    assert slicer.util.getModuleWidget("Tiny") is tiny is slicer.modules.TinyWidget
    assert slicer.util.getModuleLogic("Tiny") is tiny.logic
    assert slicer.modules.TinyInstance.moduleName == "Tiny"


def test_a_misspelt_field_of_a_module_is_caught(harness, tiny):
    import slicer

    with pytest.raises(AttributeError, match="titel"):
        slicer.modules.tiny.titel = "A title"


def test_clicking_runs_the_module(tiny, volume):
    tiny.ui.inputSelector.setCurrentNode(volume)
    click(tiny.ui.applyButton)
    assert tiny.ui.statusLabel.text == "Hello CT"


def test_an_exception_behind_a_click_is_collected(harness, tiny):
    click(tiny.ui.applyButton)
    assert str(harness.errors.pop()) == "in a slot"


def test_only_the_modules_own_folder_is_on_the_path(harness, tmp_path):
    folder = tmp_path / "Tiny"
    path = example.write(folder)
    harness.load_module(path)
    assert str(folder) in sys.path
    assert str(tmp_path) not in sys.path
    harness.unload_module("Tiny")
    assert str(folder) not in sys.path


def test_parameters_survive_saving_and_loading_the_scene(harness, tiny, volume, tmp_path):
    import slicer

    tiny.ui.inputSelector.setCurrentNode(volume)
    tiny.ui.modelBox.currentText = "full"
    tiny.ui.thresholdSlider.value = 0.25
    tiny.ui.surfaceBox.click()
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    assert tiny.events[-1] == "closed"
    assert (tiny.ui.modelBox.currentText, tiny.ui.inputSelector.currentNode()) == ("fast", None)
    assert slicer.mrmlScene.ReadFromMRB(path)
    assert tiny.parameters.inputVolume.GetName() == "CT"
    assert tiny.ui.inputSelector.currentNode().GetName() == "CT"
    shown = tiny.ui.modelBox.currentText, tiny.ui.thresholdSlider.value, tiny.ui.surfaceBox.checked
    assert shown == ("full", 0.25, False)


def test_another_module_of_the_name_replaces_it_and_its_helpers(harness, tmp_path):
    greetings = {}
    for folder in ("first", "second"):
        path = example.write(tmp_path / folder)
        (path.parent / "tiny_helper.py").write_text(f"WHERE = '{folder}'\n")
        path.write_text(path.read_text() + "\nfrom tiny_helper import WHERE\n")
        greetings[folder] = harness.load_module(path).WHERE
    assert greetings == {"first": "first", "second": "second"}


def test_closing_leaves_deletes_and_stops_the_panel(harness, tiny):
    import shiboken6
    import slicer

    tiny.timer.start()
    parent, events = tiny.parent, tiny.events
    assert (events, parent.isEntered) == (["enter"], True)
    harness.close_module(tiny)
    assert events == ["enter", "exit", "cleanup"]
    assert not shiboken6.isValid(parent)
    assert not hasattr(slicer.modules, "TinyWidget")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert not harness.wait_until(lambda: harness.errors, seconds=0.05)
    assert harness.open_module("Tiny") is not tiny


def test_closing_leaves_no_observer_of_the_scene(harness, tmp_path):
    import slicer

    harness.load_module(example.write(tmp_path))
    scene = slicer.mrmlScene
    events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent, scene.EndCloseEvent)
    before = str(scene).count("vtkObserver")
    harness.close_module(harness.open_module("Tiny"))
    assert str(scene).count("vtkObserver") == before
    assert all(isinstance(event, int) for event in events)


def test_reloading_runs_the_changed_file_as_slicers_button_does(harness, tiny, volume, tmp_path):
    import slicer

    parent = tiny.parent
    example.write(tmp_path, greeting="Howdy")
    tiny.onReload()
    fresh = slicer.modules.TinyWidget
    assert fresh is not tiny
    assert fresh.parent is parent
    assert tiny.events == ["enter", "cleanup"]
    assert fresh.events == []
    fresh.ui.inputSelector.setCurrentNode(volume)
    click(fresh.ui.applyButton)
    assert fresh.ui.statusLabel.text == "Howdy CT"


def test_the_modules_own_test_runs(harness, tiny):
    import slicer

    slicer.selfTests["Tiny"]()
    assert sys.modules["Tiny"].TinyTest.ran == 1
