"""A browser session's scene for tests: views without a window, a result in them, and a mouse."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from LiverTumorSegLib.apps.panel.result import Result
from LiverTumorSegLib.reporting import lesions
from LiverTumorSegLib.reporting.lesion_origins import automatic_marks
from LiverTumorSegLib.reporting.marked_lesions import tell_origins
from support.mrml_cases import SHAPE

RUN = {
    "model": "unet-lits",
    "device": "CPU",
    "options": {"postprocessing": {"sensitivity": 1.0}},
    "notes": [],
    "seconds": 1.0,
}


@contextmanager
def scene_of_a_session():
    """trame-slicer's application; the scene, modules and output window of other tests are back afterwards."""
    pytest.importorskip("trame_slicer")
    import slicer
    import vtk

    from LiverTumorSegLib.apps.web.session import session

    before = {name: getattr(slicer, name) for name in ("mrmlScene", "modules") if hasattr(slicer, name)}
    output = vtk.vtkOutputWindow.GetInstance()
    yield session.create_scene()
    vtk.vtkOutputWindow.SetInstance(output)
    for name in ("mrmlScene", "modules"):
        delattr(slicer, name)
    for name, value in before.items():
        setattr(slicer, name, value)


@pytest.fixture(scope="module")
def web_views():
    """trame-slicer's application with views of axial and coronal slices, and one in 3D."""
    with scene_of_a_session() as app:
        yield SimpleNamespace(app=app, **_views(app))


def _views(app):
    from trame_slicer.views import DirectViewFactory, ViewLayoutDefinition

    app.view_manager.register_factory(DirectViewFactory(do_render_offscreen=True))
    definitions = {
        "axial": ViewLayoutDefinition.axial_view(),
        "coronal": ViewLayoutDefinition.coronal_view(),
        "three": ViewLayoutDefinition.threed_view(),
    }
    views = {name: app.view_manager.create_view(definition) for name, definition in definitions.items()}
    for view in views.values():
        view.update_size(200, 200)
        view.set_render_blocked(True)  # nobody looks
    return views


@pytest.fixture
def web_app(web_views):
    """The application of :func:`web_views`, its results removed afterwards."""
    import slicer

    yield web_views.app
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for kind in ("vtkMRMLSegmentationNode", "vtkMRMLTableNode", "vtkMRMLScalarVolumeNode", "vtkMRMLTransformNode"):
        for node in slicer.util.getNodesByClass(kind):
            if item := tree.GetItemByDataNode(node):  # Slicer's Qt part would remove it
                tree.RemoveItem(item, False)
            slicer.mrmlScene.RemoveNode(node)


class AtOnce:
    """A panel whose worker has the labels already, and measures at once."""

    def __init__(self, labels):
        self.labels = labels

    def segment(self, volume, _settings, done, *, inside):
        assert inside is None
        self.measure(Result(self.labels, volume, {}, RUN, (), marks=_automatic(self.labels, volume)), self.labels, done)

    def measure(self, result, labels, done, **_chosen):
        labels = np.minimum(labels, 2).astype(np.uint8)
        marked = result.run.get("labels", ("liver", "lesion"))
        table, marks = lesions.measure_lesions(labels, result.volume, marked, numbers=result.numbers), result.marks
        numbered = lesions.number_lesions(labels, result.volume, table)
        if marks is not None:
            table, marks = tell_origins(table, marks, numbered, result.volume)
        done(replace(result, labels=numbered, table=table.to_dict(), marks=marks))

    def later(self, work):
        work()


def _automatic(labels, volume):
    measured = lesions.measure_lesions(labels, volume).lesions
    return automatic_marks(lesions.number_lesions(labels, volume), [lesion.inside_voxel for lesion in measured])


def result_of(labels, node, one_each=False):
    """The nodes of a result with these labels (0, 1, 2), and the jobs that measure it again."""
    from LiverTumorSegLib.apps.panel.mrml_jobs import Request, SceneJobs
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    jobs, found = SceneJobs(AtOnce(labels)), []
    jobs.segment(Request(node, output=SegmentOutput(one_each=one_each)), found.append)
    return found[0], jobs


def balls():
    """A liver with two round lesions, big enough for a surface to hold the volume of its voxels."""
    k, j, i = np.indices(SHAPE)
    made = np.zeros(SHAPE, np.uint8)
    made[1:19, 3:37, 4:47] = 1
    for centre in ((10, 12, 14), (9, 26, 33)):
        distances = np.linalg.norm((np.stack([k, j, i], -1) - centre) * [2.5, 0.7, 0.8], axis=-1)
        made[distances < 7] = 2
    return made


def labels_in(nodes):
    """0, 1 and 2 on the CT's grid, from the segments themselves, lesions over the liver."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_segmentations import added_segments

    labels = np.zeros(slicer.util.arrayFromVolume(nodes.volume).shape, np.uint8)
    kinds = nodes.segments | added_segments(nodes.segmentation, nodes.segments)
    for name, kind in sorted(kinds.items(), key=lambda item: item[1]):
        labels[slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) > 0] = kind
    return labels


def world_positions(node):
    """World RAS of every voxel, ``[k, j, i, axis]``, by VTK's matrices alone."""
    import slicer
    import vtk

    own, parent = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(own)
    if node.GetParentTransformNode():
        node.GetParentTransformNode().GetMatrixTransformToWorld(parent)
    vtk.vtkMatrix4x4.Multiply4x4(parent, own, own)
    shape = slicer.util.arrayFromVolume(node).shape
    k, j, i = np.indices(shape)
    voxels = np.stack([i, j, k, np.ones(shape)], axis=-1)
    return voxels @ slicer.util.arrayFromVTKMatrix(own).T[:, :3]


def drag(view, points):
    """Drag in a slice view from the first of some points in world RAS over the others."""
    drag_pixels(view, [_pixel(view, point) for point in points])


def drag_pixels(view, pixels):
    """Press the left mouse button at the first pixel, move over the others, and let go."""
    import vtk

    interactor = view.interactor()
    interactor.SetEventInformation(*pixels[0], 0, 0, chr(0), 0, None)
    interactor.InvokeEvent(vtk.vtkCommand.MouseMoveEvent)
    interactor.InvokeEvent(vtk.vtkCommand.LeftButtonPressEvent)
    for pixel in pixels[1:]:
        interactor.SetEventInformation(*pixel, 0, 0, chr(0), 0, None)
        interactor.InvokeEvent(vtk.vtkCommand.MouseMoveEvent)
    interactor.InvokeEvent(vtk.vtkCommand.LeftButtonReleaseEvent)


def _pixel(view, point):
    import vtk

    to_xy = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(view.get_view_node().GetXYToRAS(), to_xy)
    x, y, *_ = to_xy.MultiplyPoint((*point, 1))
    return round(x), round(y)


def world_of(view, point):
    """Place in world RAS of the middle of the pixel that :func:`drag` presses at for a point."""
    x, y = _pixel(view, point)
    return np.array(view.get_view_node().GetXYToRAS().MultiplyPoint((x, y, 0, 1))[:3])
