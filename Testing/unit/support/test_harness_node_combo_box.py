import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness
TYPE = "vtkMRMLScalarVolumeNode"


@pytest.fixture
def scene(harness):
    import slicer

    return slicer.mrmlScene


@pytest.fixture
def box(scene):
    import slicer

    box = slicer.qMRMLNodeComboBox()
    box.nodeTypes = [TYPE]
    return box


def entries(box):
    inner = box.children()[-1] if not hasattr(box, "_box") else box._box
    return [inner.itemText(index) for index in range(inner.count)]


def choose(box, text):
    box._box.activated(entries(box).index(text))


def test_it_is_disabled_until_it_has_a_scene(box, scene):
    assert not box.enabled
    box.setMRMLScene(scene)
    assert box.enabled


def test_without_none_the_first_fitting_node_is_selected(box, scene):
    volume = scene.AddNewNodeByClass(TYPE, "CT")
    box.setMRMLScene(scene)
    assert box.currentNode() is volume


def test_without_none_a_node_that_appears_is_selected(box, scene):
    box.setMRMLScene(scene)
    assert box.currentNode() is None
    volume = scene.AddNewNodeByClass(TYPE, "CT")
    scene.AddNewNodeByClass(TYPE, "Another")
    assert box.currentNode() is volume


def test_with_none_nothing_is_selected_by_itself(box, scene):
    box.noneEnabled = True
    box.noneDisplay = "Nothing"
    box.setMRMLScene(scene)
    scene.AddNewNodeByClass(TYPE, "CT")
    assert box.currentNode() is None
    assert box._box.currentText == "Nothing"


def test_all_signals_tell_of_a_change(box, scene):
    heard = []
    box.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: heard.append(node))
    box.connect("currentNodeChanged(bool)", lambda some: heard.append(some))
    box.connect("currentNodeIDChanged(QString)", lambda name: heard.append(name))
    box.setMRMLScene(scene)
    volume = scene.AddNewNodeByClass(TYPE, "CT")
    assert heard == [volume, True, volume.GetID()]
    heard.clear()
    scene.RemoveNode(volume)
    assert heard == [None, False, ""]


def test_when_the_current_node_goes_another_is_selected(box, scene):
    first, second = scene.AddNewNodeByClass(TYPE, "A"), scene.AddNewNodeByClass(TYPE, "B")
    box.setMRMLScene(scene)
    scene.RemoveNode(first)
    assert box.currentNode() is second


def test_a_node_that_does_not_fit_leaves_none(box, scene):
    scene.AddNewNodeByClass(TYPE, "CT")
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Table")
    box.setMRMLScene(scene)
    box.setCurrentNode(table)
    assert box.currentNode() is None
    assert box._box.placeholderText.startswith("Select a ")


def test_child_types_hidden_nodes_and_attributes_are_filtered(box, scene):
    label = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Label")
    hidden = scene.AddNewNodeByClass(TYPE, "Hidden")
    hidden.SetHideFromEditors(True)
    box.setMRMLScene(scene)
    assert box.currentNode() is label
    box.showChildNodeTypes = False
    assert box.nodeCount() == 0
    box.showHidden = True
    assert box.nodeFromIndex(0) is hidden
    box.addAttribute(TYPE, "Phase", "venous")
    assert box.nodeCount() == 0


def test_the_user_creates_renames_and_deletes_nodes(box, scene):
    added = []
    box.connect("nodeAddedByUser(vtkMRMLNode*)", lambda node: added.append(node))
    box.baseName = "Result"
    box.setMRMLScene(scene)
    box.setNodeTypeLabel("volume", TYPE)
    choose(box, "Create new volume")
    assert [node.GetName() for node in added] == ["Result"]
    assert box.currentNode() is added[0]
    added[0].SetName("Renamed")
    assert "Renamed" in entries(box)
    choose(box, "Delete current volume")
    assert box.currentNode() is None
    box.addEnabled = box.removeEnabled = False
    assert entries(box) == []


def test_a_wish_before_the_scene_is_kept(box, scene):
    scene.AddNewNodeByClass(TYPE, "A")
    wanted = scene.AddNewNodeByClass(TYPE, "B")
    box.setCurrentNode(wanted)
    box.setMRMLScene(scene)
    assert box.currentNode() is wanted
    assert box.currentNodeID == wanted.GetID()


def test_a_deleted_box_observes_nothing_any_more(harness, box, scene):
    volume = scene.AddNewNodeByClass(TYPE, "CT")
    before = str(scene).count("vtkObserver"), str(volume).count("vtkObserver")
    box.setMRMLScene(scene)
    assert str(scene).count("vtkObserver") > before[0]
    box.delete()
    assert (str(scene).count("vtkObserver"), str(volume).count("vtkObserver")) == before
    volume.SetName("Other")
