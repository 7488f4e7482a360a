"""Stand-ins for ctkCollapsibleButton and ctkCollapsibleGroupBox."""

from PySide6 import QtCore, QtWidgets

from support.slicer_harness.properties import bare
from support.slicer_harness.widgets.declare import passed_on, setters

_HEADER = 26
_STYLE = """QToolButton { font-weight: bold; text-align: left; padding-left: 6px; border-radius: 3px;
border: 1px solid palette(mid); background: palette(button); }"""


class Contents:
    """Hides the children of a collapsed widget, and shows again those that it hid."""

    def __init__(self, widget, header=None):
        self._widget = widget
        self._header = header
        self._hidden = []

    def collapse(self):
        children = [c for c in self._widget.children() if c.isWidgetType() and c is not self._header]
        shown = [child for child in children if not child.isHidden()]
        for child in shown:
            child.hide()
        self._hidden += shown

    def expand(self):
        for child in self._hidden:
            child.show()
        self._hidden.clear()


@setters
@bare
class ctkCollapsibleButton(QtWidgets.QWidget):
    contentsCollapsed = QtCore.Signal(bool)
    toggled = QtCore.Signal(bool)
    clicked = QtCore.Signal(bool)
    _header = None
    _contents = None

    def __init__(self, text="", parent=None):
        title, parent = (text, parent) if isinstance(text, str) else ("", text)
        super().__init__(parent)
        self._header = self._make_header(title)
        self._contents = Contents(self, self._header)
        self.setContentsMargins(0, _HEADER, 0, 2)

    def _make_header(self, title):
        header = QtWidgets.QToolButton(self)
        header.text = title
        header.checkable = True
        header.checked = True
        header.toolButtonStyle = QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        header.arrowType = QtCore.Qt.ArrowType.DownArrow
        header.styleSheet = _STYLE
        header.toggled.connect(self._on_toggled)
        header.clicked.connect(self.clicked)
        return header

    text = passed_on(str, "_header", "text")
    checked = passed_on(bool, "_header", "checked")
    collapsed = QtCore.Property(
        bool, lambda self: not self._header.checked, lambda self, on: setattr(self._header, "checked", not on)
    )

    def click(self):
        self._header.click()

    def _on_toggled(self, expanded):
        self._update()
        self.toggled.emit(expanded)
        self.contentsCollapsed.emit(not expanded)

    def _update(self):
        """Height and arrow; the children of a .ui come after its property, so showing the widget asks again."""
        arrows = QtCore.Qt.ArrowType
        self._header.arrowType = arrows.RightArrow if self.collapsed else arrows.DownArrow
        self._contents.collapse() if self.collapsed else self._contents.expand()

    def showEvent(self, event):
        self._update()
        super().showEvent(event)

    def resizeEvent(self, event):
        self._header.setGeometry(0, 0, self.width, _HEADER - 2)
        super().resizeEvent(event)

    def sizeHint(self):
        hint = super().sizeHint()
        return QtCore.QSize(max(hint.width(), self._header.sizeHint.width()), max(hint.height(), _HEADER))

    minimumSizeHint = sizeHint


@setters
@bare
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    _collapsed = False
    _contents = None

    def __init__(self, title="", parent=None):
        text, parent = (title, parent) if isinstance(title, str) else ("", title)
        super().__init__(text, parent)
        self._contents = Contents(self)

    def _put_collapsed(self, collapsed):
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self._update()
            self.toggled.emit(not collapsed)

    collapsed = QtCore.Property(bool, lambda self: self._collapsed, _put_collapsed)

    def _update(self):
        self._contents.collapse() if self._collapsed else self._contents.expand()
        self.update()

    def showEvent(self, event):
        self._update()
        super().showEvent(event)

    def mouseReleaseEvent(self, event):
        if event.position().y() < _HEADER:
            self._put_collapsed(not self._collapsed)
        super().mouseReleaseEvent(event)

    def paintEvent(self, _event):
        option = QtWidgets.QStyleOptionGroupBox()
        self.initStyleOption(option)
        option.text = f"{'▸' if self._collapsed else '▾'} {option.text}"
        painter = QtWidgets.QStylePainter(self)
        painter.drawComplexControl(QtWidgets.QStyle.ComplexControl.CC_GroupBox, option)
