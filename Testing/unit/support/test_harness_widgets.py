import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


@pytest.fixture
def qt(harness):
    import qt

    return qt


def test_a_collapsed_button_hides_its_contents_and_shows_them_again(qt):
    import ctk

    button = ctk.ctkCollapsibleButton("Advanced")
    layout = qt.QVBoxLayout(button)
    label, hidden = qt.QLabel("a"), qt.QLabel("b")
    layout.addWidget(label)
    layout.addWidget(hidden)
    hidden.hide()
    button.show()
    heard = []
    button.connect("contentsCollapsed(bool)", heard.append)
    button.collapsed = True
    assert not label.visible
    assert not button.checked
    button.click()
    assert (label.visible, hidden.visible, heard) == (True, False, [True, False])


def test_a_button_collapsed_before_it_had_contents_hides_them_when_shown(qt):
    import ctk

    button = ctk.ctkCollapsibleButton()
    button.setCollapsed(True)
    label = qt.QLabel("a", button)
    button.show()
    assert not label.visible


def test_a_group_box_collapses_by_a_click_on_its_title(qt):
    import ctk

    box = ctk.ctkCollapsibleGroupBox("Details")
    label = qt.QLabel("a", box)
    box.show()
    qt.QTest.mouseClick(box, qt.Qt.LeftButton, qt.Qt.NoModifier, qt.QPoint(10, 5))
    assert (box.collapsed, label.visible, box.title) == (True, False, "Details")
    box.grab()
    box.setCollapsed(False)
    assert label.visible


def test_a_slider_keeps_its_value_within_its_range(harness):
    import ctk

    slider = ctk.ctkSliderWidget()
    heard = []
    slider.connect("valueChanged(double)", heard.append)
    slider.setRange(0, 1)
    slider.decimals = 3
    slider.value = 0.125
    slider.value = 7
    assert (heard, slider.value) == ([0.125, 1.0], 1.0)


def test_moving_the_slider_moves_the_value(qt):
    import ctk

    slider = ctk.ctkSliderWidget()
    slider.setRange(0, 10)
    handle = next(child for child in slider.children() if child.className() == "QSlider")
    handle.value = handle.maximum // 2
    assert slider.value == pytest.approx(5)
    slider.maximum = 20
    assert handle.value == handle.maximum // 4


def test_a_path_line_tells_of_its_path(harness):
    import ctk

    line = ctk.ctkPathLineEdit()
    heard = []
    line.connect("currentPathChanged(QString)", heard.append)
    line.currentPath = "models/one"
    line.setCurrentPath("models/two")
    assert heard == ["models/one", "models/two"]
    line.showBrowseButton = False
    line.addCurrentPathToHistory()


def test_a_widget_tells_of_its_scene_once(harness):
    import slicer

    widget = slicer.qMRMLWidget()
    heard = []
    widget.connect("mrmlSceneChanged(vtkMRMLScene*)", heard.append)
    widget.setMRMLScene(slicer.mrmlScene)
    widget.setMRMLScene(slicer.mrmlScene)
    assert heard == [slicer.mrmlScene]
    assert widget.mrmlScene() is slicer.mrmlScene
