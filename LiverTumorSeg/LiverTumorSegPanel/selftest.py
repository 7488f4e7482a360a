"""The module's self-test on a made-up CT with known labels: segment, check, cancel, click, save and load again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from LiverTumorSegLib.apps.panel import mrml_comparison_views, mrml_tables
from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.mrml_clicks import ClickedInto, ClickSettings
from LiverTumorSegLib.apps.panel.mrml_jobs import Request
from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes
from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.labels import LESION

from .parameters import showResult

if TYPE_CHECKING:
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest as _Test

    from LiverTumorSegLib.datasets.phantom import Phantom
else:
    _Test = object  # what is a test by itself would be run beside the module's own

_LEAST_DICE = 0.9
_CLOSE_MM = 5.0
_CPU = PanelSettings(device="cpu")


class SelfTestMixin(_Test):
    """Tests for a ``ScriptedLoadableModuleTest``; ``logicClass`` is the module's logic."""

    logicClass: Any = None

    def setUp(self) -> None:
        """Every test begins with an empty scene and a worker of its own: Slicer's ctest runs them one by one."""
        slicer.mrmlScene.Clear(0)
        self.logic = self.logicClass()
        if self.logic.panel.missing:
            self.logic.close()
            self.skipTest("Open the module and install what is missing first.")

    def tearDown(self) -> None:
        """End the worker."""
        self.logic.close()

    def runAll(self) -> None:
        """Run every test, as the button *Reload and Test* does."""
        tests = (
            *(self.testSegmentAndCheck, self.testTransformed, self.testCancel, self.testSaveAndLoad, self.testClick),
            self.testEarlierCT,
        )
        for test in tests:
            self.setUp()
            try:
                test()
            except SkipTest as why:
                self.delayDisplay(f"LiverTumorSeg: {test.__name__} was skipped: {why}")
            finally:
                self.tearDown()
        self.delayDisplay("LiverTumorSeg: all tests passed")

    def testSegmentAndCheck(self) -> None:
        """Liver and lesions are found where they are, with names, terms, surface and table."""
        made, node = self._load()
        nodes = self.logic.segment(node, settings=_CPU, output=SegmentOutput(one_each=True))
        segments = nodes.segmentation.GetSegmentation()
        self.assertGreater(self._dice(nodes, made.labels), _LEAST_DICE)
        self.assertEqual(segments.GetNumberOfSegments(), 1 + nodes.facts["lesion_count"])
        self.assertEqual(len(mrml_tables.rows(nodes.table)), nodes.facts["lesion_count"])
        liver = segments.GetSegment(next(iter(nodes.segments)))
        self.assertEqual(liver.GetName(), "liver")
        self.assertTrue(liver.GetRepresentation("Closed surface").GetNumberOfPoints())
        terms = vtk.reference("")
        self.assertTrue(liver.GetTag("TerminologyEntry", terms))
        self.assertIn("SCT^10200004^Liver", str(terms))

    def testTransformed(self) -> None:
        """Under a transform, the segments move with the CT."""
        made, node = self._load()
        moved = self._shift(100.0)
        node.SetAndObserveTransformNodeID(moved.GetID())
        nodes = self.logic.segment(node, settings=_CPU)
        self.assertGreater(self._dice(nodes, made.labels), _LEAST_DICE)
        self.assertEqual(nodes.segmentation.GetTransformNodeID(), moved.GetID())

    def testCancel(self) -> None:
        """Cancelling is answered within a second, adds nothing, and the next job works."""
        _made, node = self._load()
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        self.logic.jobs.segment(Request(node, settings=_CPU), self.fail)
        self._waitFor(lambda: self.logic.panel.state is PanelState.RUNNING and self.logic.panel.fraction > 0)
        asked = time.monotonic()
        self.logic.panel.cancel()
        self._waitFor(lambda: not self.logic.panel.busy)
        self.assertLess(time.monotonic() - asked, 1.0)
        self.assertEqual(self.logic.panel.state, PanelState.CANCELLED)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), before)
        self.assertTrue(self.logic.segment(node, settings=_CPU).segments)

    def testSaveAndLoad(self) -> None:
        """Settings, segments and table come back from a saved scene."""
        _made, node = self._load()
        parameters = self.logic.getParameterNode()
        parameters.inputVolume, parameters.smallestLesionMl = node, 0.25
        nodes = self.logic.segment(node, settings=_CPU)
        showResult(parameters, nodes)
        rows, segments = mrml_tables.rows(nodes.table), nodes.segments
        with tempfile.TemporaryDirectory(dir=slicer.app.temporaryPath) as folder:
            path = str(Path(folder) / "scene.mrb")
            self.assertTrue(slicer.mrmlScene.WriteToMRB(path))
            slicer.mrmlScene.Clear(0)
            self.assertTrue(slicer.mrmlScene.ReadFromMRB(path))
        parameters = self.logic.getParameterNode()
        self.assertEqual(parameters.smallestLesionMl, 0.25)
        loaded = ResultNodes(parameters.resultVolume, parameters.resultSegmentation, parameters.resultTable)
        self.assertEqual(loaded.segments, segments)
        self.assertEqual(str(mrml_tables.rows(loaded.table)), str(rows))  # NaN is not itself

    def testClick(self) -> None:
        """A click makes a lesion of its place, measured, before anything was segmented, and undo takes it away."""
        made, node = self._load()
        k, j, i = (int(at) for at in np.argwhere(made.labels == LESION.label)[0])
        got: list[ResultNodes] = []
        lesion = ClickedInto(LesionScene(node), (i, j, k))
        settings = ClickSettings(self.logic.clickModel, "cpu")
        clicks = self.logic.jobs.clicks
        clicks.click(lesion, (((float(i), float(j), float(k)), True),), lambda nodes, _: got.append(nodes), settings)
        self._waitFor(lambda: self.logic.panel.settled)
        if not got and f"“{self.logic.clickModel}”" in self.logic.panel.error:
            self.skipTest(self.logic.panel.error)
        self.assertTrue(got, self.logic.panel.error)
        (name,) = got[0].segments
        held = slicer.util.arrayFromSegmentBinaryLabelmap(got[0].segmentation, name, node)
        self.assertTrue(held[k, j, i])
        for step, count in ((self.logic.jobs.measure, 1), (self.logic.jobs.undo, 0), (self.logic.jobs.redo, 1)):
            step(got[0], lambda _: None)
            self._waitFor(lambda: self.logic.panel.settled)
            self.assertEqual(got[0].facts["lesion_count"], count)

    def testEarlierCT(self) -> None:
        """The same CT elsewhere is segmented and compared; its lesions are the same, and it comes back where it was."""
        made, node = self._load(shape=(40, 96, 112), spacing=(6.0, 4.0, 4.0), seed=5, lesions=2)
        later = self.logic.segment(node, settings=_CPU)
        affine = slicer.util.vtkMatrixFromArray(made.volume.affine)
        earlier = slicer.util.addVolumeFromArray(made.volume.voxels, affine, "Earlier")
        moved = self._shift(30.0)
        earlier.SetAndObserveTransformNodeID(moved.GetID())
        found = self.logic.compare(later, earlier, device="cpu")
        rows = found.facts["rows"]
        self.assertEqual({row["what"] for row in rows}, {"unchanged"})
        self.assertEqual(len(rows), later.facts["lesion_count"])
        mrml_comparison_views.open_views(found)
        self.assertEqual(earlier.GetTransformNodeID(), found.transform.GetID())
        for row in range(len(rows)):
            mrml_comparison_views.go_to(found, row)
            self.assertLess(self._apart(found.place(row, 0), found.place(row, 1)), _CLOSE_MM)
        mrml_comparison_views.close_views(found)
        self.assertEqual(earlier.GetTransformNodeID(), moved.GetID())
        self.assertGreater(self._apart(found.place(0, 0), found.place(0, 1)), _CLOSE_MM)

    def _shift(self, by: float) -> slicer.vtkMRMLLinearTransformNode:
        """A transform to the right, in mm."""
        moved = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, by)
        moved.SetMatrixTransformToParent(matrix)
        return moved

    def _apart(self, one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
        return float(np.linalg.norm(np.subtract(one, other)))

    def _load(self, **made_as: Any) -> tuple[Phantom, slicer.vtkMRMLScalarVolumeNode]:
        from LiverTumorSegLib.datasets import phantom  # needs SciPy, which the panel does without

        made = phantom.create(**({"seed": 0} | made_as))
        affine = slicer.util.vtkMatrixFromArray(made.volume.affine)
        return made, slicer.util.addVolumeFromArray(made.volume.voxels, affine, "Phantom")

    def _dice(self, nodes: ResultNodes, truth: NDArray[np.unsignedinteger]) -> float:
        found = np.zeros(truth.shape, bool)
        for name in nodes.segments:
            found |= slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) > 0
        return 2 * np.count_nonzero(found & (truth > 0)) / (np.count_nonzero(found) + np.count_nonzero(truth))

    def _waitFor(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"Waited {seconds} s for nothing: {self.logic.panel.error}")
            self.logic.panel.poll()
            slicer.app.processEvents()
            time.sleep(0.01)
