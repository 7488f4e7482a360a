"""Stand-ins for ctkSliderWidget, ctkPathLineEdit and ctkMessageBox."""

from PySide6 import QtCore, QtWidgets

from support.slicer_harness.properties import bare
from support.slicer_harness.widgets.declare import kept, passed_on, setters

_STEPS = 1000


def _row(widget, *children):
    layout = QtWidgets.QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for child in children:
        layout.addWidget(child)


@setters
@bare
class ctkSliderWidget(QtWidgets.QWidget):
    """A slider beside a spin box; the spin box holds the value."""

    valueChanged = QtCore.Signal(float)
    _slider = None
    _box = None

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._box = QtWidgets.QDoubleSpinBox()
        _row(self, self._slider, self._box)
        self._slider.maximum = _STEPS
        self._box.maximum = 99.0
        self._slider.valueChanged.connect(self._on_slider)
        self._box.valueChanged.connect(self._on_box)

    value = passed_on(float, "_box", "value", float)
    minimum = passed_on(float, "_box", "minimum", float, "_show")
    maximum = passed_on(float, "_box", "maximum", float, "_show")
    singleStep = passed_on(float, "_box", "singleStep", float)
    decimals = passed_on(int, "_box", "decimals")
    suffix = passed_on(str, "_box", "suffix")
    prefix = passed_on(str, "_box", "prefix")
    pageStep = kept(float, "pageStep", 10.0)
    tracking = kept(bool, "tracking", True)

    def setRange(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum

    def _on_slider(self, step):
        self._box.value = self.minimum + step / _STEPS * (self.maximum - self.minimum)

    def _on_box(self, value):
        self._show()
        self.valueChanged.emit(value)

    def _show(self):
        """Put the slider where the box is."""
        span = self.maximum - self.minimum
        blocker = QtCore.QSignalBlocker(self._slider)  # else its rounding would come back as a value
        self._slider.value = round((self.value - self.minimum) / span * _STEPS) if span else 0
        blocker.unblock()


@setters
@bare
class ctkPathLineEdit(QtWidgets.QWidget):
    """A line for a path beside a button that would open a file dialog."""

    currentPathChanged = QtCore.Signal(str)
    _line = None
    _button = None

    def __init__(self, parent=None):
        super().__init__(parent)
        self._line = QtWidgets.QLineEdit()
        self._button = QtWidgets.QToolButton()
        self._button.text = "..."
        _row(self, self._line, self._button)
        self._line.textChanged.connect(self.currentPathChanged)

    currentPath = passed_on(str, "_line", "text")
    filters = kept(int, "filters", 0)
    nameFilters = kept("QStringList", "nameFilters", [])
    options = kept(int, "options", 0)
    settingKey = kept(str, "settingKey", "")
    label = kept(str, "label", "")
    showBrowseButton = passed_on(bool, "_button", "visible")
    showHistoryButton = kept(bool, "showHistoryButton", True)

    def addCurrentPathToHistory(self):
        """The history is not kept."""


@setters
@bare
class ctkMessageBox(QtWidgets.QMessageBox):
    dontShowAgainVisible = kept(bool, "dontShowAgainVisible", False)
    dontShowAgain = kept(bool, "dontShowAgain", False)
    dontShowAgainSettingsKey = kept(str, "dontShowAgainSettingsKey", "")
