import pytest
from support.slicer_harness import available, example

fixtures = available.load("fixtures")
harness, tiny = fixtures.harness, fixtures.tiny


def test_the_icon_comes_from_the_resources(harness, tmp_path):
    import qt
    import slicer

    path = example.write(tmp_path)
    (tmp_path / "Resources" / "Icons").mkdir()
    pixels = qt.QImage(16, 16, qt.QImage.Format_RGB32)
    pixels.fill(qt.Qt.red)
    pixels.save(str(tmp_path / "Resources" / "Icons" / "Tiny.png"))
    harness.load_module(path)
    assert not slicer.modules.tiny.icon.pixmap(16, 16).isNull()


def test_resources_are_found_beside_the_module(tiny, tmp_path):
    import slicer

    wanted = str(tmp_path / "Resources" / "UI" / "Tiny.ui")
    assert tiny.resourcePath("UI/Tiny.ui") == wanted
    assert slicer.modules.TinyInstance.resourcePath("UI/Tiny.ui") == wanted


def test_the_parameter_node_is_a_singleton_that_names_its_module(tiny):
    import slicer

    node = tiny.logic.getParameterNode().parameterNode
    assert node is tiny.logic.getParameterNode().parameterNode
    assert (node.GetSingletonTag(), node.GetAttribute("ModuleName")) == ("Tiny", "Tiny")
    slicer.mrmlScene.Clear(0)
    assert node.GetAttribute("ModuleName") is None
    assert tiny.logic.getParameterNode().parameterNode is node
    assert node.GetAttribute("ModuleName") == "Tiny"


def test_a_logic_may_keep_many_parameter_nodes(harness):
    import slicer
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    class ManyLogic(ScriptedLoadableModuleLogic):
        pass

    logic = ManyLogic()
    logic.isSingletonParameterNode = False
    first = logic.getParameterNode()
    assert logic.getParameterNode() is first
    slicer.mrmlScene.AddNode(logic.createParameterNode())
    assert len(logic.getAllParameterNodes()) == 2


def test_a_panel_without_a_parent_makes_its_own(tiny):
    panel = type(tiny)()
    assert panel.parent.visible
    assert panel.ui.applyButton.text == "Apply"
    panel.cleanup()
    panel.parent.delete()


def test_developer_mode_is_off(tiny):
    assert tiny.developerMode is False


def test_a_module_without_a_test_class_says_so(harness, tmp_path):
    import sys

    import slicer

    harness.load_module(example.write(tmp_path))
    del sys.modules["Tiny"].TinyTest
    with pytest.raises(AssertionError, match="TinyTest"):
        slicer.selfTests["Tiny"]()


def test_texts_are_not_translated(harness):
    from slicer.i18n import tr, translate

    assert tr("Liver") == translate("Anatomy", "Liver") == "Liver"
