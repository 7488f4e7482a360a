"""Says which nodes of a scene a qMRMLNodeComboBox lists."""


def fitting(box, attributes) -> list:
    """The nodes that the properties of the box and its attributes (type, name, value) let through."""
    scene = box.mrmlScene()
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())] if scene else []
    return [node for node in nodes if _is_shown(box, node) and _has_type(box, node, attributes)]


def _is_shown(box, node) -> bool:
    hidden = node.GetHideFromEditors() and not box.showHidden
    return not hidden and not any(node.IsA(child) for child in box.hideChildNodeTypes)


def _has_type(box, node, attributes) -> bool:
    return any(
        (node.IsA(wanted) if box.showChildNodeTypes else node.GetClassName() == wanted)
        and all(_has(node, name, value) for node_type, name, value in attributes if node_type == wanted)
        for wanted in box.nodeTypes
    )


def _has(node, name, value) -> bool:
    found = node.GetAttribute(name)
    return found is not None and value in (None, found)
