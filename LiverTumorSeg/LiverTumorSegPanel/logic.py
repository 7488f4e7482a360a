"""The logic that the panel and scripts share: nodes in, nodes out, the work in a warm worker."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import slicer

from LiverTumorSegLib.apps.panel import mrml_sequences
from LiverTumorSegLib.apps.panel.job_runner import Answer, PanelState
from LiverTumorSegLib.apps.panel.mrml_comparison import ComparisonNodes
from LiverTumorSegLib.apps.panel.mrml_follow_up import FollowUpJobs, FollowUpRequest
from LiverTumorSegLib.apps.panel.mrml_jobs import Request, SceneJobs
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes
from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.core.about import CLICK_MODEL
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled
from LiverTumorSegLib.io.volumes import stem

from .setup import missingPackages

_PAUSE_SECONDS = 0.02


class SegmentationLogic:
    """Segment volume nodes, sequences of them, and folders of files.

    Args:
        requirements: file that lists the packages the worker needs.

    Example:
        >>> logic = LiverTumorSegLogic()
        >>> nodes = logic.segment(slicer.util.getNode("CTLiver"))
        >>> nodes.segmentation.GetName(), nodes.facts["liver_ml"]
        >>> logic.close()
    """

    def __init__(self, requirements: Path | str) -> None:
        self.requirements = Path(requirements)
        worker = Worker([pythonExecutable()], temporary=Path(slicer.app.temporaryPath))
        self.panel = Panel(worker, missingPackages(self.requirements))
        self.jobs = SceneJobs(self.panel)
        self.clickModel = CLICK_MODEL

    def segment(
        self,
        volumeNode: slicer.vtkMRMLScalarVolumeNode,
        segmentationNode: slicer.vtkMRMLSegmentationNode | None = None,
        roiNode: slicer.vtkMRMLMarkupsROINode | None = None,
        settings: PanelSettings | None = None,
        output: SegmentOutput | None = None,
        surface: bool = True,
    ) -> ResultNodes:
        """Segment a volume node and wait for it; Slicer stays alive meanwhile.

        Args:
            volumeNode: a CT.
            segmentationNode: gets the segments beside its own; None for a new one.
            roiNode: markups ROI that limits the work; None for all of the CT.
            settings: model, device and postprocessing; None for the usual.
            output: how labels become segments; None for the usual.
            surface: make the closed surfaces that 3D views show.

        Raises:
            UserError: one sentence on what is wrong and what to do.
            Cancelled: the panel's cancel was used.
        """
        found: list[ResultNodes] = []
        request = Request(
            volumeNode, segmentationNode, roiNode, settings or PanelSettings(), output or SegmentOutput(), surface
        )
        self._ready()
        self.jobs.segment(request, found.append)
        self.wait()
        return found[0]

    def segmentSequence(
        self,
        sequenceNode: slicer.vtkMRMLSequenceNode,
        settings: PanelSettings | None = None,
        output: SegmentOutput | None = None,
    ) -> slicer.vtkMRMLSequenceNode:
        """Segment every volume of a sequence and wait for it; returns a sequence node of segmentations.

        Raises:
            UserError: one sentence on what is wrong with a volume; what was done before stays.
        """
        made = mrml_sequences.create_beside(sequenceNode)
        for index in range(sequenceNode.GetNumberOfDataNodes()):
            name = f"{sequenceNode.GetName()} {index + 1}"
            with mrml_sequences.in_scene(sequenceNode.GetNthDataNode(index), name) as volume:
                nodes = self.segment(volume, settings=settings, output=output, surface=False)
                made.SetDataNodeAtValue(nodes.segmentation, sequenceNode.GetNthIndexValue(index))
                slicer.mrmlScene.RemoveNode(nodes.segmentation)
                slicer.mrmlScene.RemoveNode(nodes.table)
        mrml_sequences.play_along(made, sequenceNode)
        return made

    def segmentFolder(
        self, folder: Path | str, outputFolder: Path | str, settings: PanelSettings | None = None
    ) -> dict[str, Answer | str]:
        """Segment every CT file and DICOM folder in a folder into ``.seg.nrrd`` files and wait for it.

        What is there already is left alone, and what fails does not stop the rest.

        Returns:
            For each file or folder, by its name: the lesion table, or the sentence on what is wrong.
        """
        answers: dict[str, Answer | str] = {}
        target = Path(outputFolder)
        target.mkdir(parents=True, exist_ok=True)
        for source in sorted(Path(folder).iterdir()):
            if source.name.startswith(".") or source.resolve() == target.resolve():
                continue
            try:
                answers[source.name] = self._segmentFile(source, target, settings or PanelSettings())
            except UserError as error:
                answers[source.name] = str(error)
        return answers

    def compare(
        self,
        later: ResultNodes,
        earlierVolumeNode: slicer.vtkMRMLScalarVolumeNode,
        earlierSegmentationNode: slicer.vtkMRMLSegmentationNode | None = None,
        dates: tuple[str, str] = ("", ""),
        device: str = "auto",
    ) -> ComparisonNodes:
        """Compare an earlier CT of the same patient with a result and wait for it; Slicer stays alive meanwhile.

        Args:
            later: the result of the later CT.
            earlierVolumeNode: the earlier CT.
            earlierSegmentationNode: its liver and lesions; None segments it first, as the later one was.
            dates: of the earlier and the later CT, in ISO 8601, for growth; empty where they are not known.
            device: to segment on.

        Raises:
            UserError: one sentence on what is wrong and what to do.
            Cancelled: the panel's cancel was used.
        """
        found: list[ComparisonNodes] = []
        self._ready()
        request = FollowUpRequest(later, earlierVolumeNode, earlierSegmentationNode, dates=dates, device=device)
        FollowUpJobs(self.jobs).compare(request, found.append)
        self.wait()
        return found[0]

    def wait(self) -> None:
        """Wait for the running job; Slicer stays alive meanwhile.

        Raises:
            UserError: it failed.
            Cancelled: it was cancelled.
        """
        while not self.panel.settled:
            self.panel.poll()
            slicer.app.processEvents()
            time.sleep(_PAUSE_SECONDS)
        if self.panel.state is PanelState.FAILED:
            raise UserError(self.panel.error)
        if self.panel.state is PanelState.CANCELLED:
            raise Cancelled

    def close(self) -> None:
        """End the worker; the next job would start another."""
        self.panel.close()

    def _segmentFile(self, source: Path, target: Path, settings: PanelSettings) -> Answer:
        found: list[Answer] = []
        self._ready()
        self.panel.segment_file(source, target / f"{stem(source)}.seg.nrrd", settings, found.append)
        self.wait()
        return found[0]["table"]

    def _ready(self) -> None:
        if self.panel.state is PanelState.NEEDS_SETUP:
            msg = f"Packages are missing ({', '.join(self.panel.missing)}): open the module and install them."
            raise UserError(msg)


def pythonExecutable() -> str:
    """Slicer's own Python as a program; outside Slicer, the running one.

    ``PythonSlicer`` is a launcher that starts ``python-real`` in an environment that this process has already; without
    the launcher between, pipes and exit codes arrive as they are.
    """
    name = "python-real.exe" if sys.platform == "win32" else "python-real"
    for folder in (Path(sys.prefix, "bin"), Path(sys.prefix), Path(sys.executable).parent):
        if (folder / name).is_file():
            return str(folder / name)
    return shutil.which("PythonSlicer") or sys.executable
