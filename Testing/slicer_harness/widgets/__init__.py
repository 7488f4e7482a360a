"""Stand-ins for the qMRML, qSlicer and ctk widgets that a scripted module uses."""

from slicer_harness.widgets.collapsible import ctkCollapsibleButton, ctkCollapsibleGroupBox
from slicer_harness.widgets.inputs import ctkMessageBox, ctkPathLineEdit, ctkSliderWidget
from slicer_harness.widgets.mrml import qMRMLWidget, qSlicerScriptedLoadableModuleWidget, qSlicerWidget
from slicer_harness.widgets.node_combo_box import qMRMLNodeComboBox

STANDINS = {
    cls.__name__: cls
    for cls in (
        ctkCollapsibleButton,
        ctkCollapsibleGroupBox,
        ctkMessageBox,
        ctkPathLineEdit,
        ctkSliderWidget,
        qMRMLNodeComboBox,
        qMRMLWidget,
        qSlicerScriptedLoadableModuleWidget,
        qSlicerWidget,
    )
}
