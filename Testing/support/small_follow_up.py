"""Two made-up CTs of a small liver that was shifted: quick to register, and it is known what became of each lesion."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.follow_up.scan import Scan

SHAPE, SPACING = (30, 40, 44), 3.0
SHIFT_MM = (6.0, -9.0, 12.0)
"""Of the later CT's patient against the earlier one's, in RAS."""

_LESIONS = {"grown": ((15, 20, 14), 2.2), "gone": ((10, 14, 24), 2.0), "same": ((18, 24, 28), 2.6)}
_NEW = ((12, 25, 18), 2.0)


def affine(shift=(0.0, 0.0, 0.0)):
    made = np.diag([SPACING, SPACING, SPACING, 1.0])
    made[:3, 3] = np.array([-60.0, -50.0, 20.0]) + shift
    return made


def _ball(centre, radius):
    k, j, i = np.ogrid[tuple(slice(0, size) for size in SHAPE)]
    return (k - centre[0]) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2 <= radius**2


def _scan(name, lesions, shift, seed):
    k, j, i = np.ogrid[tuple(slice(0, size) for size in SHAPE)]
    liver = ((k - 14.5) / 10) ** 2 + ((j - 19.5) / 13) ** 2 + ((i - 21) / 17) ** 2 <= 1
    labels = liver.astype(np.uint8)
    texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 60, SHAPE), 2)
    voxels = np.where(liver, 100 + texture, -90) + np.random.default_rng(seed).normal(0, 5, SHAPE)
    for centre, radius in lesions:
        held = _ball(centre, radius)
        labels[held], voxels[held] = 2, 45
    return Scan.measured(name, Volume(voxels.astype(np.int16), affine(shift)), labels)


@cache
def earlier():
    return _scan("before", _LESIONS.values(), (0.0, 0.0, 0.0), 1)


@cache
def later():
    """One lesion grown, one gone, one the same, and a new one."""
    (centre, radius), same = _LESIONS["grown"], _LESIONS["same"]
    return _scan("after", [(centre, radius + 1.4), same, _NEW], SHIFT_MM, 2)


def number(scan, name):
    """The number of a lesion in a scan."""
    k, j, i = _NEW[0] if name == "new" else _LESIONS[name][0]
    return int(scan.numbers[k, j, i])


def hand_over(folder, **scans):
    """Files of scans, as a client hands them to a worker."""
    files = {}
    for name, scan in scans.items():
        for key, array in ((name, scan.volume.voxels), (f"{name}_labels", scan.labels)):
            files[key] = str(folder / f"{key}.nrrd")
            arrays.write(folder / f"{key}.nrrd", array, scan.volume.affine)
    return files


@cache
def compared():
    """What a worker answers of the two, and the content of the file with the transform."""
    from LiverTumorSegLib.apps.worker.follow_up_commands import FollowUpCommands

    with tempfile.TemporaryDirectory() as folder:
        files = hand_over(Path(folder), earlier=earlier(), later=later())
        names, dates = ["before", "after"], ["2026-01-10", "2026-04-20"]
        target = str(Path(folder) / "transform.nrrd")
        answer = FollowUpCommands().compare(Job(), **files, transform=target, names=names, dates=dates)
        return answer, (Path(folder) / "transform.h5").read_bytes()


def add_result(scan, name, parent=None):
    """A CT of the scene with its segments, and a table that has of a result what comparing needs."""
    import json

    import slicer

    from LiverTumorSegLib.apps.panel import mrml_segmentations
    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

    volume = slicer.util.addVolumeFromArray(
        scan.volume.voxels, slicer.util.vtkMatrixFromArray(scan.volume.affine), name
    )
    volume.SetAndObserveTransformNodeID(parent.GetID() if parent else None)
    segmentation = mrml_segmentations.create(volume)
    kinds = mrml_segmentations.write(scan.labels, volume, segmentation)
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    table.SetNodeReferenceID("LiverTumorSeg.segmentation", segmentation.GetID())
    run = {"model": "unet-lits", "options": {"coarse_pass": False, "postprocessing": {"smallest_lesion_ml": 0.5}}}
    table.SetAttribute("LiverTumorSeg.facts", json.dumps({"segments": kinds, "run": run, "warnings": []}))
    return ResultNodes(volume, segmentation, table)


def add_comparison(folder):
    """Both CTs in the scene, compared, without a worker."""
    from LiverTumorSegLib.apps.panel import mrml_comparison

    before, after = add_result(earlier(), "before"), add_result(later(), "after")
    answer, transform = compared()
    (folder / "transform.h5").write_bytes(transform)
    segmentations = before.segmentation, after.segmentation
    nodes = mrml_comparison.create((before.volume, after.volume), segmentations, folder / "transform.h5")
    mrml_comparison.fill(nodes, answer)
    return nodes
