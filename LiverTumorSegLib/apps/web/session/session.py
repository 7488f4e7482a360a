"""The state of one browser session: its scene, panel, views and the user's choices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
import slicer.util
from trame_server import Server
from trame_slicer.core import SlicerApp

from ....core.about import AUTO_LIVER, DEFAULT_MODEL
from ....core.safe_zip import MOST_BYTES
from ....reporting.ct_identity import CTIdentity
from ...panel.mrml_jobs import SceneJobs
from ...panel.mrml_results import ResultNodes
from ...panel.panel import Panel, PanelSettings
from ..server.session_process import DOWNLOADS
from .archive_link import ArchiveLink
from .dicom_results import DicomResults, MadeObjects
from .server_link import ServerLink
from .source_images import delete_images
from .views import Views

CorrectionState = tuple[ResultNodes | None, int]
"""A result, and how often results had been changed by hand then."""


@dataclass
class SessionChoices:
    """Choices of the user: how to segment.

    Args:
        model: name or folder.
        device: ``auto`` or a device's name.
        precision: one of ``LiverTumorSegLib.PRECISIONS``.
        coarse_pass: first find the liver on coarse slices.
        one_each: a segment a lesion.
        postprocessing: clean-up steps by name, the chosen model's own at first.
        liver_model: as in :class:`LiverTumorSegLib.apps.panel.panel.PanelSettings`.
        also: models of other structures.
        name_ct: reports name the CT and its day.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    precision: str = "auto"
    coarse_pass: bool = True
    one_each: bool = False
    postprocessing: dict[str, Any] = field(default_factory=dict)
    liver_model: str = AUTO_LIVER
    also: tuple[str, ...] = ()
    name_ct: bool = False

    @property
    def settings(self) -> PanelSettings:
        """The same, for the panel."""
        return PanelSettings(
            model=self.model,
            device=self.device,
            precision=self.precision,
            coarse_pass=self.coarse_pass,
            postprocessing=dict(self.postprocessing),
            liver_model=self.liver_model,
            also=self.also,
        )


@dataclass
class Session:
    """Of one browser session.

    Args:
        server: of the page; its state is what the browser shows.
        scene: of Slicer's nodes.
        views: of the scene.
        panel: runs jobs in the worker that all sessions share.
        jobs: the panel's jobs on nodes.
        link: to the front.
        folder: for files of this session, deleted with it.
        shared: folder of CTs given at start, if any.
        most_bytes: that a zip file may unpack to.
        choices: of the user.
        volume: the CT.
        images: the CT's DICOM files, in a folder of the session; none where it came as another.
        ct_date: ISO 8601 day on which the CT was taken; empty where that is not known.
        nodes: the result.
        corrected: whether the result was changed by hand.
        strokes: how often results were changed by hand.
        ask: asks the user before something is lost: what is done, what is lost, and the doing.
        changed: called when ``volume`` or ``nodes`` did.
        objects: makes DICOM objects of the result.
        archives: that may be searched and sent to.
    """

    server: Server
    scene: SlicerApp
    views: Views
    panel: Panel
    jobs: SceneJobs
    link: ServerLink
    folder: Path
    shared: Path | None = None
    most_bytes: int = MOST_BYTES
    choices: SessionChoices = field(default_factory=SessionChoices)
    volume: slicer.vtkMRMLScalarVolumeNode | None = None
    images: tuple[Path, ...] = ()
    ct_date: str = ""
    nodes: ResultNodes | None = None
    corrected: bool = False
    strokes: int = 0
    ask: Callable[[str, str, Callable[[], None]], None] = lambda _answer, _loss, then: then()
    changed: list[Callable[[], None]] = field(default_factory=list)
    objects: DicomResults = field(init=False)
    archives: ArchiveLink = field(init=False)
    _running: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.objects = DicomResults(self.jobs, self.folder)
        self.archives = ArchiveLink(lambda message: self.link.send(message))

    @property
    def state(self) -> Any:
        """Values that the browser shows, by name."""
        return self.server.state

    @property
    def identity(self) -> CTIdentity | None:
        """Name and day of the CT, where the user allows reports to have them."""
        if self.volume is None or not self.choices.name_ct:
            return None
        return CTIdentity(self.volume.GetName(), self.ct_date)

    def tell(self) -> None:
        """Say that the volume or the result has changed."""
        for listener in self.changed:
            listener()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside what the browser asks for; what goes wrong in it is shown as an error."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)  # the loop itself would not keep it
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self.panel.attempt(task.result)

    def make_objects(self, done: Callable[[MadeObjects], None]) -> None:
        """Make DICOM objects of the result as it is now; ``done`` gets them, once the page shows what was measured.

        Raises:
            UserError: as :meth:`.dicom_results.DicomResults.make`.
        """

        def finish(made: MadeObjects) -> None:
            self.tell()
            done(made)

        if self.nodes is not None:
            self.objects.make(self.nodes, self.images, finish)

    @property
    def correction_state(self) -> CorrectionState | None:
        """What is lost when another CT is opened; not the same after another stroke. None for nothing."""
        return (self.nodes, self.strokes) if self.corrected else None

    def clear(self) -> None:
        """Take the CT and its result out of the scene."""
        if self.nodes:
            self.forget(self.nodes)
        if self.volume:
            self._remove(self.volume)
        delete_images(self.images)
        self.volume = self.nodes = None
        self.images = ()
        self.corrected = False

    def forget(self, nodes: ResultNodes) -> None:
        """Take a result out of the scene."""
        for node in (nodes.segmentation, nodes.table):
            self._remove(node)

    def _remove(self, node: slicer.vtkMRMLNode) -> None:
        """Slicer's Qt part, which is not here, would take the node out of the tree, too."""
        tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene.scene)
        if tree and (item := tree.GetItemByDataNode(node)):
            tree.RemoveItem(item, False, False)
        self.scene.scene.RemoveNode(node)

    @property
    def downloads(self) -> Path:
        """Folder of files that the browser may fetch."""
        folder = self.folder / DOWNLOADS
        folder.mkdir(exist_ok=True)
        return folder


def create_scene() -> SlicerApp:
    """A new scene as ``slicer.mrmlScene`` of this process, with the modules that ``slicer.util`` asks for."""
    app = SlicerApp()
    slicer.mrmlScene = app.scene
    logics = {"segmentations": app.segmentations_logic, "volumes": app.volumes_logic}
    slicer.modules = SimpleNamespace(**{name: _module_of(logic) for name, logic in logics.items()})
    return app


def _module_of(logic: slicer.vtkSlicerModuleLogic) -> SimpleNamespace:
    return SimpleNamespace(logic=lambda: logic)
