"""Stand-ins for the qMRML, qSlicer and ctk widgets that a scripted module uses."""

from support.slicer_harness.widgets.collapsible import ctkCollapsibleButton, ctkCollapsibleGroupBox
from support.slicer_harness.widgets.inputs import ctkMessageBox, ctkPathLineEdit, ctkSliderWidget
from support.slicer_harness.widgets.mrml import qMRMLWidget, qSlicerScriptedLoadableModuleWidget, qSlicerWidget
from support.slicer_harness.widgets.node_combo_box import qMRMLNodeComboBox

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
