"""The module's self-test on a made-up CT with known labels: load, segment, check, cancel, save and load again."""

import tempfile
import time
from pathlib import Path

import numpy as np
import slicer
import vtk

from LiverTumorSegLib.job_runner import State
from LiverTumorSegLib.mrml import tables
from LiverTumorSegLib.mrml.jobs import Nodes, Request
from LiverTumorSegLib.mrml.segmentations import Output
from LiverTumorSegLib.panel import Settings

_LEAST_DICE = 0.9
_CPU = Settings(device="cpu")


class SelfTestMixin:
    """Tests for a ``ScriptedLoadableModuleTest``; ``logicClass`` is the module's logic."""

    logicClass = None

    def setUp(self):
        """Every test begins with an empty scene."""
        slicer.mrmlScene.Clear(0)

    def runAll(self):
        """Run every test, with one worker for all."""
        self.logic = self.logicClass()
        try:
            if self.logic.panel.missing:
                self.skipTest("Open the module and install what is missing first.")
            for test in (self.testSegmentAndCheck, self.testTransformed, self.testCancel, self.testSaveAndLoad):
                self.setUp()
                test()
        finally:
            self.logic.close()
        self.delayDisplay("LiverTumorSeg: all tests passed")

    def testSegmentAndCheck(self):
        """Liver and lesions are found where they are, with names, terms, surface and table."""
        made, node = self._load()
        nodes = self.logic.segment(node, settings=_CPU, output=Output(one_each=True))
        segments = nodes.segmentation.GetSegmentation()
        self.assertGreater(self._dice(nodes, made.labels), _LEAST_DICE)
        self.assertEqual(segments.GetNumberOfSegments(), 1 + nodes.facts["lesion_count"])
        self.assertEqual(len(tables.rows(nodes.table)), nodes.facts["lesion_count"])
        liver = segments.GetSegment(next(iter(nodes.segments)))
        self.assertEqual(liver.GetName(), "liver")
        self.assertTrue(liver.GetRepresentation("Closed surface").GetNumberOfPoints())
        terms = vtk.reference("")
        self.assertTrue(liver.GetTag("TerminologyEntry", terms))
        self.assertIn("SCT^10200004^Liver", str(terms))

    def testTransformed(self):
        """Under a transform, the segments move with the CT."""
        made, node = self._load()
        moved = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, 100.0)
        moved.SetMatrixTransformToParent(matrix)
        node.SetAndObserveTransformNodeID(moved.GetID())
        nodes = self.logic.segment(node, settings=_CPU)
        self.assertGreater(self._dice(nodes, made.labels), _LEAST_DICE)
        self.assertEqual(nodes.segmentation.GetTransformNodeID(), moved.GetID())

    def testCancel(self):
        """Cancelling is answered within a second, adds nothing, and the next job works."""
        _made, node = self._load()
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        self.logic.jobs.segment(Request(node, settings=_CPU), self.fail)
        self._waitFor(lambda: self.logic.panel.state is State.RUNNING and self.logic.panel.fraction > 0)
        asked = time.monotonic()
        self.logic.panel.cancel()
        self._waitFor(lambda: not self.logic.panel.busy)
        self.assertLess(time.monotonic() - asked, 1.0)
        self.assertEqual(self.logic.panel.state, State.CANCELLED)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), before)
        self.assertTrue(self.logic.segment(node, settings=_CPU).segments)

    def testSaveAndLoad(self):
        """Settings, segments and table come back from a saved scene."""
        _made, node = self._load()
        parameters = self.logic.getParameterNode()
        parameters.inputVolume, parameters.smallestLesionMl = node, 0.25
        nodes = self.logic.segment(node, settings=_CPU)
        parameters.resultVolume, parameters.resultSegmentation = nodes.volume, nodes.segmentation
        parameters.resultTable = nodes.table
        rows, segments = tables.rows(nodes.table), nodes.segments
        with tempfile.TemporaryDirectory(dir=slicer.app.temporaryPath) as folder:
            path = str(Path(folder) / "scene.mrb")
            self.assertTrue(slicer.mrmlScene.WriteToMRB(path))
            slicer.mrmlScene.Clear(0)
            self.assertTrue(slicer.mrmlScene.ReadFromMRB(path))
        parameters = self.logic.getParameterNode()
        self.assertEqual(parameters.smallestLesionMl, 0.25)
        loaded = Nodes(parameters.resultVolume, parameters.resultSegmentation, parameters.resultTable)
        self.assertEqual(loaded.segments, segments)
        self.assertEqual(tables.rows(loaded.table), rows)

    def _load(self):
        from LiverTumorSegLib import phantom  # needs SciPy, which the panel does without

        made = phantom.create(seed=0)
        affine = slicer.util.vtkMatrixFromArray(made.volume.affine)
        return made, slicer.util.addVolumeFromArray(made.volume.voxels, affine, "Phantom")

    def _dice(self, nodes, truth):
        found = np.zeros(truth.shape, bool)
        for name in nodes.segments:
            found |= slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) > 0
        return 2 * np.count_nonzero(found & (truth > 0)) / (np.count_nonzero(found) + np.count_nonzero(truth))

    def _waitFor(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"Waited {seconds} s for nothing: {self.logic.panel.error}")
            self.logic.panel.poll()
            slicer.app.processEvents()
            time.sleep(0.01)
