"""Small cohorts for tests."""

import os
import subprocess
import sys

import numpy as np

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io import volumes
from support.repository import ROOT


def small_ct(seed=0, slices=12):
    """A coarse CT of a whole liver; `slices` change its size on disk."""
    return phantom.create((slices, 48, 48), (180 / slices, 8.0, 8.0), seed=seed, lesions=1).volume


def save(path, volume):
    """Write a CT as NIfTI, since labels alone are written by the library."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), volume.affine), path)
    return path


def save_cohort(folder, count=4):
    """CTs ``volume-0.nii.gz`` and so on, each larger than the one before it."""
    for number in range(count):
        save(folder / f"volume-{number}.nii.gz", small_ct(number, 10 + 2 * number))
    return folder


def touch(folder, *names):
    """Empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def labels(path):
    """What a file of labels holds."""
    return volumes.read_volume(path, force=True).voxels


def start(*words, code="from LiverTumorSegLib.apps.cli import main; main()", **environment):
    """Start ``livertumorseg`` in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, words)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "RANK", "WORLD_SIZE"))}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=clean | {"OMP_NUM_THREADS": "1"} | environment, **pipes)


def hidden(folder):
    """Hidden files and folders but for the records."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.startswith(".") and path.name != ".cohort"
    )


def add_ct_sequence():
    """A sequence of the scene: two CTs, and what is no CT between them."""
    import slicer

    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "phases")
    ct = small_ct()
    for second, voxels in (("0", ct.voxels), ("35", np.full((4, 5, 6), np.nan)), ("70", ct.voxels)):
        node = slicer.util.addVolumeFromArray(voxels, slicer.util.vtkMatrixFromArray(ct.affine))
        made.SetDataNodeAtValue(node, second)
        slicer.mrmlScene.RemoveNode(node)
    return made
