import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


@pytest.fixture
def qt(harness):
    import qt

    return qt


def test_a_property_is_read_and_written_as_an_attribute(qt):
    button = qt.QPushButton("Go")
    assert button.text == "Go"
    button.enabled = False
    assert not button.isEnabled()
    button.setText("Stop")
    assert button.text == "Stop"


def test_a_getter_of_the_name_of_a_property_cannot_be_called(qt):
    with pytest.raises(TypeError):
        qt.QPushButton("Go").text()
    with pytest.raises(TypeError):
        qt.QSpinBox().value()


def test_name_is_the_object_name(qt):
    label = qt.QLabel()
    label.name = "title"
    assert label.objectName == "title"


def test_a_misspelt_property_is_caught(qt):
    button = qt.QPushButton()
    with pytest.raises(AttributeError, match="enable"):
        button.enable = False
    with pytest.raises(AttributeError, match="txt"):
        _ = button.txt


def test_a_method_cannot_be_overwritten(qt):
    button = qt.QPushButton()
    with pytest.raises(AttributeError):
        button.setText = "Go"
    with pytest.raises(AttributeError):
        button.clicked = print


def test_stand_ins_take_no_new_attributes_either(harness):
    import slicer

    with pytest.raises(AttributeError, match="noneEnable"):
        slicer.qMRMLNodeComboBox().noneEnable = True
    with pytest.raises(AttributeError, match="versionn"):
        slicer.app.versionn = 1


def test_python_subclasses_take_attributes_and_overrides(qt):
    class Dialog(qt.QDialog):
        def sizeHint(self):
            return qt.QSize(321, 123)

    dialog = Dialog()
    dialog.answer = 42
    assert dialog.answer == 42
    assert dialog.sizeHint().width() == 321
    dialog.adjustSize()
    assert dialog.width == 321


def test_dynamic_properties_are_attributes(qt):
    label = qt.QLabel()
    label.setProperty("SlicerParameterName", "model")
    assert label.SlicerParameterName == "model"
    label.SlicerParameterName = "device"
    assert label.property("SlicerParameterName") == "device"


def test_a_named_child_is_an_attribute(qt):
    widget = qt.QWidget()
    child = qt.QLabel(widget)
    child.objectName = "status"
    assert widget.status is child


def test_a_value_of_the_wrong_type_and_a_read_only_property_are_refused(qt):
    with pytest.raises(AttributeError, match="does not accept"):
        qt.QProgressBar().value = "half"
    with pytest.raises(AttributeError, match="not writable"):
        qt.QWidget().width = 3
