"""A real MRML scene with the logics of Slicer's core modules, without Qt and without the application."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import slicer
import slicer.util
import vtk

# The Terminologies logic is left out: it logs errors without Slicer's share folder.
LOGICS = {
    "SubjectHierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic,
    "Volumes": slicer.vtkSlicerVolumesLogic,
    "Segmentations": slicer.vtkSlicerSegmentationsModuleLogic,
    "Markups": slicer.vtkSlicerMarkupsLogic,
    "Tables": slicer.vtkSlicerTablesLogic,
    "Sequences": slicer.vtkSlicerSequencesLogic,
    "Transforms": slicer.vtkSlicerTransformLogic,
}
SLICES = {
    "Red": ("R", "Axial", (0.953, 0.290, 0.200)),
    "Yellow": ("Y", "Sagittal", (0.929, 0.835, 0.298)),
    "Green": ("G", "Coronal", (0.431, 0.690, 0.294)),
}
_kept = SimpleNamespace(session=None, cache=None, clean=False)


def boot():
    """A clean scene as `slicer.mrmlScene`, with `slicer.modules.*`; scripted modules stay registered."""
    if _kept.clean:
        _kept.clean = False
        return slicer.mrmlScene
    scene = slicer.vtkMRMLScene()
    scene.AddObserver(scene.NodeAddedEvent, _watch)
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    logics = {"Colors": _color_logic(scene, application)}
    logics |= {name: _logic(cls, name, scene, application) for name, cls in LOGICS.items()}
    _publish(scene, logics)
    _add_slices(scene)
    _kept.session = (scene, application, logics, _data_io(scene, application))
    return scene


def reset():
    """Make a clean scene, which is that of the next boot."""
    _kept.clean = False
    boot()
    _kept.clean = True


def application_logic():
    return _kept.session[1]


@vtk.calldata_type(vtk.VTK_OBJECT)
def _watch(_scene, _event, node):
    """Be the last to hear of changes, as Slicer's views are: VTK calls an object's only observers out of order."""
    node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: None, -10.0)


def _publish(scene, logics):
    slicer.mrmlScene = scene
    if not hasattr(slicer, "modules"):
        slicer.modules = SimpleNamespace()
    for name, logic in logics.items():
        module = SimpleNamespace(name=name, logic=lambda logic=logic: logic)
        setattr(slicer.modules, name.lower(), module)


def _color_logic(scene, application):
    logic = application.GetColorLogic()
    logic.SetMRMLScene(scene)
    logic.AddDefaultColorNodes()  # without them every label volume logs an error
    return logic


def _logic(cls, name, scene, application):
    logic = cls()
    logic.SetMRMLScene(scene)
    logic.SetMRMLApplicationLogic(application)
    application.SetModuleLogic(name, logic)
    return logic


def _add_slices(scene):
    # The presets go to the default node, so this has to come before the nodes.
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
    for name, (label, orientation, color) in SLICES.items():
        node = _singleton(scene, "vtkMRMLSliceNode", name)
        node.SetLayoutLabel(label)
        node.SetLayoutColor(*color)
        node.SetDefaultOrientation(orientation)
        node.SetOrientation(orientation)
        _singleton(scene, "vtkMRMLSliceCompositeNode", name)


def _singleton(scene, class_name, layout_name):
    node = scene.CreateNodeByClass(class_name)
    node.UnRegister(None)  # Python owns it now
    node.SetSingletonTag(layout_name)
    node.SetName(layout_name)
    node.SetLayoutName(layout_name)
    return scene.AddNode(node)


def _data_io(scene, application):
    """Reading an .mrb fails without a data-IO manager that has a cache folder."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    data = slicer.vtkDataIOManagerLogic()
    for logic in (remote, data):
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(application)
    remote.GetCacheManager().SetRemoteCacheDirectory(_cache_folder())
    data.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    return remote, data


def _cache_folder() -> str:
    if _kept.cache is None:  # removed when the process ends
        _kept.cache = tempfile.TemporaryDirectory(prefix="slicer-harness-")
    folder = Path(_kept.cache.name) / "cache"
    folder.mkdir(exist_ok=True)
    return str(folder)
