import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


def test_classes_and_enumerations_are_where_slicer_has_them(harness):
    import qt

    assert qt.QMessageBox.Yes
    assert qt.Qt.LeftButton
    assert qt.QUiLoader().__class__.__name__ == "UiLoader"


@pytest.mark.parametrize("name", ["Signal", "Slot", "Property", "QNothing"])
def test_what_pythonqt_does_not_have_is_missing(harness, name):
    import qt

    with pytest.raises(AttributeError, match=name):
        getattr(qt, name)


def test_a_ctk_widget_without_a_stand_in_is_missing(harness):
    import ctk

    assert ctk.ctkCollapsibleButton("Input").text == "Input"
    with pytest.raises(AttributeError, match="ctkRangeWidget"):
        _ = ctk.ctkRangeWidget
