"""Stand-in for qMRMLNodeComboBox on the real scene."""

from types import MappingProxyType

from PySide6 import QtCore, QtWidgets

from support.slicer_harness.properties import bare
from support.slicer_harness.widgets.declare import kept, setters
from support.slicer_harness.widgets.node_filter import fitting
from support.slicer_harness.widgets.observation import Observation

_NODE = QtCore.Qt.ItemDataRole.UserRole
_ACTION = _NODE + 1


@setters
@bare
class qMRMLNodeComboBox(QtWidgets.QWidget):
    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    currentNodeRenamed = QtCore.Signal(str)
    nodeAddedByUser = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)
    _someNode = QtCore.Signal(bool)
    CPP_SIGNALS = MappingProxyType(
        {
            "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
            "currentNodeChanged(bool)": "_someNode",
            "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
            "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        }
    )
    _scene = None
    _changes = None
    _names = None
    _box = None
    _attributes = ()
    _labels = None
    _ids = ()
    _current = ""
    _requested = ""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._labels = {}
        self._changes = Observation(self, "_on_scene")
        self._names = Observation(self, "_show_names")
        self._box = QtWidgets.QComboBox()
        self._box.sizeAdjustPolicy = QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.activated.connect(self._on_activated)
        self.enabled = False  # until there is a scene

    noneEnabled = kept(bool, "noneEnabled", False, "_refresh")
    noneDisplay = kept(str, "noneDisplay", "None", "_refresh")
    addEnabled = kept(bool, "addEnabled", True, "_refresh")
    removeEnabled = kept(bool, "removeEnabled", True, "_refresh")
    renameEnabled = kept(bool, "renameEnabled", False, "_refresh")
    editEnabled = kept(bool, "editEnabled", False, "_refresh")
    nodeTypes = kept("QStringList", "nodeTypes", [], "_on_scene")
    hideChildNodeTypes = kept("QStringList", "hideChildNodeTypes", [], "_on_scene")
    showChildNodeTypes = kept(bool, "showChildNodeTypes", True, "_on_scene")
    showHidden = kept(bool, "showHidden", False, "_on_scene")
    selectNodeUponCreation = kept(bool, "selectNodeUponCreation", True)
    baseName = kept(str, "baseName", "")
    currentNodeID = QtCore.Property(str, lambda self: self._current, lambda self, node: self.setCurrentNodeID(node))

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        self._scene = scene
        events = ("NodeAddedEvent", "NodeRemovedEvent", "EndBatchProcessEvent", "EndCloseEvent")
        self._changes.observe([(scene, getattr(scene, event)) for event in events] if scene else [])
        self._on_scene()
        if scene and self._requested in self._ids:
            self._select(self._requested)
        self._requested = ""
        self.enabled = scene is not None

    def currentNode(self):
        return self._scene.GetNodeByID(self._current) if self._scene and self._current else None

    def setCurrentNode(self, node):
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, node_id):
        """Without a scene the wish is kept; a node that does not fit leaves none selected."""
        if self._scene is None:
            self._requested = node_id or ""
        else:
            self._select(node_id if node_id in self._ids else "")

    def nodeCount(self):
        return len(self._ids)

    def nodeFromIndex(self, index):
        return self._scene.GetNodeByID(self._ids[index]) if 0 <= index < len(self._ids) else None

    def setCurrentNodeIndex(self, index):
        self.setCurrentNode(self.nodeFromIndex(index))

    def addAttribute(self, node_type, name, value=None):
        self._attributes = (*self._attributes, (node_type, name, value))
        self._on_scene()

    def setNodeTypeLabel(self, label, node_type):
        self._labels[node_type] = label
        self._refresh()

    def nodeTypeLabel(self, node_type):
        known = self._scene.GetTypeDisplayNameByClassName(node_type) if self._scene and node_type else ""
        return self._labels.get(node_type) or known or "node"

    def addNode(self, node_type=None):
        """Do as the entry "Create new" does."""
        node_type = node_type or self.nodeTypes[0]
        name = self.baseName or self.nodeTypeLabel(node_type)
        node = self._scene.AddNewNodeByClass(node_type, self._scene.GenerateUniqueName(name))
        for _, attribute, value in (a for a in self._attributes if a[0] == node_type):
            node.SetAttribute(attribute, "" if value is None else str(value))
        self._on_scene()
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self):
        self._scene.RemoveNode(self.currentNode())

    def renameCurrentNode(self):
        node = self.currentNode()
        name, accepted = QtWidgets.QInputDialog.getText(self, "Rename", "New name:", text=node.GetName())
        if accepted and name:
            node.SetName(name)
            self._refresh()
            self.currentNodeRenamed.emit(name)

    def _on_scene(self):
        """List the nodes again; without "None" a box that was empty takes the first, as a Qt combo box does."""
        was_empty = not self._ids
        nodes = fitting(self, self._attributes)
        self._ids = tuple(node.GetID() for node in nodes)
        self._names.observe([(node, "ModifiedEvent") for node in nodes])
        if self._current in self._ids:
            self._refresh()
        elif (self._current or was_empty) and self._ids and not self.noneEnabled:
            self._select(self._ids[0])
        else:
            self._select("")

    def _select(self, node_id):
        changed = node_id != self._current
        self._current = node_id
        self._refresh()
        if changed:
            node = self.currentNode()
            self.currentNodeChanged.emit(node)
            self._someNode.emit(node is not None)
            self.currentNodeIDChanged.emit(node_id)

    def _refresh(self):
        box = self._box
        box.clear()
        label = self.nodeTypeLabel(self.nodeTypes[0]) if self.nodeTypes else "node"
        box.placeholderText = f"Select a {label}"
        if self.noneEnabled:
            box.addItem(self.noneDisplay, "")
        for node in self._listed():
            box.addItem(node.GetName(), node.GetID())
        self._add_actions(label)
        box.currentIndex = box.findData(self._current, _NODE)

    def _listed(self):
        """While a scene closes or loads, listed nodes may be gone before the box hears of it."""
        nodes = (self._scene.GetNodeByID(node_id) for node_id in self._ids)
        return [node for node in nodes if node is not None]

    def _show_names(self):
        for node in self._listed():
            row = self._box.findData(node.GetID(), _NODE)
            if self._box.itemText(row) != node.GetName():
                self._box.setItemText(row, node.GetName())

    def _add_actions(self, label):
        actions = {
            "renameCurrentNode": (self.renameEnabled, f"Rename current {label}"),
            "addNode": (self.addEnabled, f"Create new {label}"),
            "removeCurrentNode": (self.removeEnabled, f"Delete current {label}"),
        }
        for action, (enabled, text) in actions.items():
            if enabled and self._scene is not None:
                self._box.addItem(text)
                self._box.setItemData(self._box.count - 1, action, _ACTION)

    def _on_activated(self, index):
        action = self._box.itemData(index, _ACTION)
        if action:
            self._refresh()  # an action is never the current entry
            getattr(self, action)()
        else:
            self._select(self._box.itemData(index, _NODE))
            self.nodeActivated.emit(self.currentNode())
