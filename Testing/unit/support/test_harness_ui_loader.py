import pytest
from support.slicer_harness import available, example

harness = available.load("fixtures").harness


@pytest.fixture
def load(harness, tmp_path):
    import slicer

    def load(*replacements):
        form = example.FORM
        for old, new in replacements:
            assert old in form
            form = form.replace(old, new)
        path = tmp_path / "form.ui"
        path.write_text(form)
        return slicer.util.loadUI(str(path))

    return load


def test_widgets_come_by_their_names(load):
    import slicer

    ui = slicer.util.childWidgetVariables(load())
    assert ui.inputs.text == "Input"
    assert type(ui.inputSelector) is slicer.qMRMLNodeComboBox
    assert list(ui.inputSelector.nodeTypes) == ["vtkMRMLScalarVolumeNode"]
    assert ui.inputSelector.noneEnabled is True


def test_dynamic_properties_are_kept(load):
    import slicer

    ui = slicer.util.childWidgetVariables(load())
    assert ui.surfaceBox.property("SlicerParameterName") == "surface"
    assert ui.inputSelector.SlicerParameterName == "inputVolume"
    assert not ui.statusLabel.property("SlicerParameterName")


def test_connections_hand_the_scene_on(load):
    import slicer

    widget = load()
    widget.setMRMLScene(slicer.mrmlScene)
    assert slicer.util.childWidgetVariables(widget).inputSelector.mrmlScene() is slicer.mrmlScene


def test_connections_between_qt_widgets_work(load):
    import slicer

    connection = """<connection><sender>applyButton</sender><signal>clicked(bool)</signal>
        <receiver>statusLabel</receiver><slot>clear()</slot></connection></connections>"""
    ui = slicer.util.childWidgetVariables(load(("</connections>", connection)))
    ui.statusLabel.text = "old"
    ui.applyButton.click()
    assert ui.statusLabel.text == ""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("ctkSliderWidget", "ctkRangeWidget", "no stand-in for ctkRangeWidget"),
        ('name="noneEnabled"', 'name="noneEnable"', "no property noneEnable"),
        ("<signal>mrmlSceneChanged(", "<signal>sceneChanged(", "no signal sceneChanged"),
        ("<slot>setMRMLScene(", "<slot>setScene(", "no slot setScene"),
        ("<receiver>inputSelector", "<receiver>selector", "names selector"),
    ],
)
def test_what_does_not_exist_is_refused(load, old, new, complaint):
    with pytest.raises(RuntimeError, match=complaint):
        load((old, new))


def test_a_missing_file_is_slicers_own_error(harness, tmp_path):
    import slicer

    with pytest.raises(RuntimeError, match="file not found"):
        slicer.util.loadUI(str(tmp_path / "none.ui"))
