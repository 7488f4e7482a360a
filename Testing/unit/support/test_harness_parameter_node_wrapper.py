from typing import Annotated

import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


@pytest.fixture
def kit(harness):
    import slicer.parameterNodeWrapper

    return slicer.parameterNodeWrapper


@pytest.fixture
def node(harness):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


def wrap(kit, node, **members):
    """A wrapper with these members: name=(type, default) or name=type."""
    kinds = {name: member[0] if isinstance(member, tuple) else member for name, member in members.items()}
    values = {name: member[1] for name, member in members.items() if isinstance(member, tuple)}
    cls = kit.parameterNodeWrapper(type("Parameters", (), {"__annotations__": kinds, **values}))
    return cls(node)


def gui(**widgets):
    """What slicer.util.childWidgetVariables gives: widgets bound to the parameters of their names."""
    for name, widget in widgets.items():
        widget.setProperty("SlicerParameterName", name)
    return type("Ui", (), {})() if not widgets else type("Ui", (), {"__init__": lambda s: vars(s).update(widgets)})()


def test_values_are_stored_in_the_node(kit, node):
    import slicer

    wrapper = wrap(kit, node, model=(str, "fast"), count=(int, 3), share=(float, 0.5), on=(bool, True))
    assert (wrapper.model, wrapper.count, wrapper.share, wrapper.on) == ("fast", 3, 0.5, True)
    wrapper.on, wrapper.count, wrapper.share = False, 4, 1
    assert [node.GetParameter(name) for name in ("model", "count", "share", "on")] == ["fast", "4", "1", "False"]
    again = wrap(kit, node, model=str, count=int, share=float, on=bool)
    assert (again.model, again.count, again.share, again.on) == ("fast", 4, 1.0, False)
    assert isinstance(again.share, float)
    assert slicer.parameterNodeWrapper.isParameterNodeWrapper(again)


def test_a_node_is_a_reference_and_may_be_none(kit, node):
    import slicer

    wrapper = wrap(kit, node, volume=slicer.vtkMRMLScalarVolumeNode)
    assert wrapper.volume is None
    wrapper.volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert node.GetNodeReference("volume") is wrapper.volume
    with pytest.raises(TypeError):
        wrapper.volume = node
    wrapper.volume = None
    assert node.GetNodeReferenceID("volume") is None


def test_bad_values_are_refused(kit, node):
    wrapper = wrap(
        kit,
        node,
        model=(Annotated[str, kit.Choice(["fast", "full"])], "fast"),
        share=(Annotated[float, kit.WithinRange(0, 1)], 0.5),
        least=(Annotated[int, kit.Minimum(2)], 2),
        most=(Annotated[int, kit.Maximum(2)], 2),
        on=bool,
    )
    for name, value in {"model": "slow", "share": 1.5, "least": 1, "most": 3, "on": None}.items():
        with pytest.raises(ValueError, match=str(value)):
            setattr(wrapper, name, value)
    for name, value in {"model": 3, "share": "half", "on": 1}.items():
        with pytest.raises(TypeError):
            setattr(wrapper, name, value)
    assert (wrapper.model, wrapper.share, wrapper.on) == ("fast", 0.5, False)


def test_a_default_that_the_annotations_refuse_fails_at_once(kit, node):
    with pytest.raises(ValueError, match="none of"):
        wrap(kit, node, model=Annotated[str, kit.Choice(["fast"])])
    assert wrap(kit, node, model=Annotated[str, kit.Choice(["fast"]), kit.Default("fast")]).model == "fast"


def test_other_types_prefixes_and_names_are_refused(kit, node):
    with pytest.raises(TypeError, match="list"):
        wrap(kit, node, models=list)
    with pytest.raises(ValueError, match="connectGui"):
        wrap(kit, node, connectGui=str)
    wrapper = wrap(kit, node, model=str)
    with pytest.raises(ValueError, match="modle"):
        wrapper.setValue("modle", "fast")
    with pytest.raises(NotImplementedError):
        type(wrapper)(node, prefix="a")


def widgets():
    import ctk
    import qt

    return {
        "on": qt.QCheckBox(),
        "pressed": qt.QPushButton(),
        "count": qt.QSpinBox(),
        "step": qt.QSlider(),
        "share": qt.QDoubleSpinBox(),
        "part": ctk.ctkSliderWidget(),
        "model": qt.QComboBox(),
        "line": qt.QLineEdit(),
        "text": qt.QTextEdit(),
    }


@pytest.fixture
def connected(kit, node):
    members = {
        "on": (bool, True),
        "pressed": (bool, True),
        "count": (int, 500),
        "step": (Annotated[int, kit.WithinRange(0, 9)], 4),
        "share": (float, 0.25),
        "part": (Annotated[float, kit.WithinRange(0, 1)], 0.75),
        "model": (Annotated[str, kit.Choice(["fast", "full"])], "full"),
        "line": (str, "one"),
        "text": (str, "two"),
    }
    wrapper, ui = wrap(kit, node, **members), gui(**widgets())
    return wrapper, ui, wrapper.connectGui(ui)


def shown(ui):
    w = vars(ui)
    plain = [w[name].value for name in ("count", "step", "share", "part")]
    return [w["on"].checked, w["pressed"].checked, *plain, w["model"].currentText, w["line"].text, w["text"].plainText]


def test_widgets_show_the_parameters(connected):
    _, ui, _ = connected
    assert shown(ui) == [True, True, 500, 4, 0.25, 0.75, "full", "one", "two"]
    assert (ui.step.minimum, ui.step.maximum, ui.part.maximum) == (0, 9, 1)


def test_parameters_follow_the_widgets(connected):
    wrapper, ui, _ = connected
    ui.on.checked = ui.pressed.checked = False
    ui.count.value, ui.step.value, ui.share.value, ui.part.value = 7, 8, 0.5, 0.125
    ui.model.currentText, ui.line.text = "fast", "three"
    ui.text.setPlainText("four")
    values = [wrapper.getValue(name) for name in ("on", "pressed", "count", "step", "share")]
    assert values == [False, False, 7, 8, 0.5]
    assert (wrapper.model, wrapper.line, wrapper.text) == ("fast", "three", "four")


def test_widgets_follow_the_node(connected):
    wrapper, ui, _ = connected
    wrapper.parameterNode.SetParameter("model", "fast")
    wrapper.count = 12
    assert (ui.model.currentText, ui.count.value) == ("fast", 12)


def test_disconnecting_ends_both_directions(connected):
    wrapper, ui, tag = connected
    wrapper.disconnectGui(tag)
    wrapper.count = 1
    ui.line.text = "other"
    assert (ui.count.value, wrapper.line) == (500, "one")
    wrapper.disconnectGui(tag)


def test_a_node_box_and_a_parameter_follow_each_other(kit, node):
    import slicer

    box = slicer.qMRMLNodeComboBox()
    box.setMRMLScene(slicer.mrmlScene)
    wrapper = wrap(kit, node, volume=slicer.vtkMRMLScalarVolumeNode)
    wrapper.connectGui(gui(volume=box))
    assert list(box.nodeTypes) == ["vtkMRMLScalarVolumeNode"]
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert wrapper.volume is volume
    wrapper.volume = None
    assert box.currentNode() is None


def test_pairs_that_slicer_does_not_know_are_refused(kit, node):
    import ctk
    import qt

    wrapper = wrap(kit, node, model=str, count=int, share=float)
    for name, widget in {"model": ctk.ctkPathLineEdit(), "count": qt.QLineEdit(), "share": qt.QSpinBox()}.items():
        with pytest.raises(RuntimeError, match=widget.className()):
            wrapper.connectGui(gui(**{name: widget}))


def test_sliders_and_choices_need_their_annotations(kit, node):
    import ctk
    import qt

    wrapper = wrap(kit, node, share=float, model=str)
    with pytest.raises(RuntimeError, match="range"):
        wrapper.connectGui(gui(share=ctk.ctkSliderWidget()))
    with pytest.raises(RuntimeError, match="Choice"):
        wrapper.connectGui(gui(model=qt.QComboBox()))


def test_an_unknown_parameter_name_is_refused(kit, node):
    import qt

    with pytest.raises(ValueError, match="modle"):
        wrap(kit, node, model=str).connectGui(gui(modle=qt.QLineEdit()))


def test_changes_can_be_bundled_and_observed(kit, node):
    heard = []
    wrapper = wrap(kit, node, model=str, count=int)
    tag = wrapper.AddObserver("ModifiedEvent", lambda *_: heard.append(1))
    was = wrapper.StartModify()
    wrapper.model, wrapper.count = "fast", 3
    assert (heard, wrapper.count) == ([], 3)
    wrapper.EndModify(was)
    wrapper.RemoveObserver(tag)
    wrapper.Modified()
    assert heard == [1]


def test_closing_the_scene_brings_the_defaults_back(harness, kit):
    import slicer

    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
    node.UnRegister(None)
    node.SetSingletonTag("Tiny")
    wrapper = wrap(kit, slicer.mrmlScene.AddNode(node), model=(str, "fast"))
    wrapper.model = "full"
    slicer.mrmlScene.Clear(0)
    assert (wrapper.model, node.GetParameter("model")) == ("fast", "fast")
