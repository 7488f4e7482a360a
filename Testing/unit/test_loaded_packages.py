"""What is not loaded at each of the library's doors: every process that goes through one pays for it.

One process goes through all of them, so that each is also spared what those before it are spared.
"""

import json
import subprocess
import sys

import pytest
from support.repository import PYTHON_PATH

OF_MONAI = {"monai", "matplotlib", "skimage", "sklearn", "pandas", "lightning"}
OF_IMAGES = {"nibabel", "SimpleITK", "vtk", "vtkmodules", "highdicom", "pydicom", "requests"}
OF_NETWORKS = {"torch", "scipy", "pydantic"}

DOORS = {
    "the command line and its help": OF_MONAI | OF_IMAGES | OF_NETWORKS | {"numpy", "jinja2", "aiohttp", "pynetdicom"},
    "the server of the web application": OF_MONAI | OF_IMAGES | OF_NETWORKS | {"numpy", "trame", "pynetdicom"},
    "segmenting up to the labels": OF_MONAI | OF_IMAGES | {"scipy.spatial", "torch._dynamo", "sympy"},
    "nnU-Net's networks and those for volumes": OF_MONAI | OF_IMAGES,
    "a process of a cohort": OF_MONAI | OF_IMAGES | {"scipy.spatial"},
    "the first click": OF_MONAI | OF_IMAGES,
    "the worker": OF_MONAI | OF_IMAGES - {"SimpleITK"},
    "the service beside a PACS": OF_MONAI | OF_IMAGES - {"SimpleITK", "pydicom", "requests"},
}

CODE = """
import json, sys

def through(door):
    loaded[door] = sorted(sys.modules)

loaded = {}
from LiverTumorSegLib.apps.cli import app
try:
    app(["--help"])
except SystemExit:
    through("the command line and its help")
import LiverTumorSegLib.apps.web.server.app
through("the server of the web application")
import numpy as np, torch
import LiverTumorSegLib as lts
from LiverTumorSegLib import networks
voxels = np.full((6, 48, 48), 60, np.int16)
voxels[1:5, 8:40, 8:40] += np.arange(32, dtype=np.int16)
ct = lts.Volume(voxels, np.diag([-1.25, -1.25, 3.0, 1.0]))
import LiverTumorSegLib.pipeline
from LiverTumorSegLib.inference.segment import segment
segment(ct, lts.load_model("unet-lits"), "cpu")
through("segmenting up to the labels")
for name in ("plain_conv_unet_3d", "residual_encoder_unet_2d", "unet3d"):
    networks.create(name, 1, 2)
import LiverTumorSegLib.inference.nnunet.segment
through("nnU-Net's networks and those for volumes")
import LiverTumorSegLib.apps.cohort.segment
through("a process of a cohort")
lts.segment_lesion(ct, [(-30.0, -30.0, 8.0)], device="cpu")
through("the first click")
import LiverTumorSegLib.apps.worker.commands
through("the worker")
import LiverTumorSegLib.apps.pacs.service
through("the service beside a PACS")
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded():
    """Modules by the doors that one process went through, one after the other."""
    environment = {"PYTHONPATH": PYTHON_PATH, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return {door: set(modules) for door, modules in json.loads(ended.stdout.splitlines()[-1]).items()}


@pytest.mark.parametrize("door", DOORS)
def test_what_is_not_needed_is_not_loaded(door, loaded):
    if "web" in door:
        pytest.importorskip("aiohttp")
    assert DOORS[door] & loaded[door] == set()
