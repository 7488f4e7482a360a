"""The parameter node: everything the user chose, what it asks the library for, and where the last result is."""

# No postponed annotations here: the wrapper reads them as they are.
from typing import TYPE_CHECKING, Annotated, Any

from slicer import (
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLScriptedModuleNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
)
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from LiverTumorSegLib.apps.panel.mrml_jobs import Request
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes
from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.about import AUTO_LIVER, DEFAULT_MODEL, PRECISIONS

from . import cleanup


@parameterNodeWrapper
@cleanup.withCleanUpOptions
class LiverTumorSegParameterNode:
    """Everything the user chose, and where the last result is; saved with the scene."""

    if TYPE_CHECKING:  # added by the wrapper, which takes every annotation that it sees for a parameter
        parameterNode: vtkMRMLScriptedModuleNode

        def __init__(self, parameterNode: vtkMRMLScriptedModuleNode) -> None: ...
        def connectGui(self, gui: Any) -> Any: ...
        def disconnectGui(self, tag: Any) -> None: ...

    inputVolume: vtkMRMLScalarVolumeNode
    roi: vtkMRMLMarkupsROINode
    outputSegmentation: vtkMRMLSegmentationNode
    model: str = DEFAULT_MODEL
    liverModel: str = AUTO_LIVER
    alsoModels: str = ""
    device: str = "auto"
    replaceSegments: bool = False
    oneEach: bool = False
    closedSurface: bool = True
    diameters: bool = True
    coarsePass: bool = True
    batch: Annotated[int, WithinRange(0, 512)] = 0
    precision: Annotated[str, Choice(PRECISIONS)] = "auto"
    resultVolume: vtkMRMLScalarVolumeNode
    resultSegmentation: vtkMRMLSegmentationNode
    resultTable: vtkMRMLTableNode
    earlierVolume: vtkMRMLScalarVolumeNode
    earlierSegmentation: vtkMRMLSegmentationNode
    earlierDate: str = ""
    laterDate: str = ""
    comparison: vtkMRMLTableNode


def settingsOf(parameters: LiverTumorSegParameterNode) -> PanelSettings:
    """Settings of a segmentation, as the parameter node says."""
    return PanelSettings(
        model=parameters.model,
        device=parameters.device,
        coarse_pass=parameters.coarsePass,
        batch=parameters.batch,
        precision=parameters.precision,
        postprocessing=cleanup.valuesOf(parameters),
        liver_model=parameters.liverModel if parameters.liverModel not in ("", parameters.model) else AUTO_LIVER,
        also=tuple(name for name in alsoModelsOf(parameters) if name != parameters.model),
    )


def alsoModelsOf(parameters: LiverTumorSegParameterNode) -> list[str]:
    """Names of the models of other structures; none of them can hold a blank."""
    return parameters.alsoModels.split()


def requestOf(parameters: LiverTumorSegParameterNode) -> Request:
    """Request for a segmentation, as the parameter node says."""
    return Request(
        volume=parameters.inputVolume,
        segmentation=parameters.outputSegmentation,
        roi=parameters.roi,
        settings=settingsOf(parameters),
        output=SegmentOutput(parameters.oneEach, parameters.replaceSegments),
        surface=parameters.closedSurface,
    )


def showResult(parameters: LiverTumorSegParameterNode, nodes: ResultNodes) -> None:
    """Let a result be the last one, which the panel shows."""
    parameters.resultVolume, parameters.resultSegmentation = nodes.volume, nodes.segmentation
    parameters.resultTable = nodes.table


def resultOf(parameters: LiverTumorSegParameterNode) -> ResultNodes | None:
    """The last result, or None where there is none in the scene."""
    nodes = (parameters.resultVolume, parameters.resultSegmentation, parameters.resultTable)
    return ResultNodes(*nodes) if all(nodes) else None
