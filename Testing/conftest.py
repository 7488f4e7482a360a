"""Parts that several tests share."""

import locale
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from archive_cases import _one_archive, archive

from LiverTumorSegLib import cli, model, networks, phantom
from LiverTumorSegLib.description import Description, Licence, NetworkSpec, Stack, Training, WeightsFile
from LiverTumorSegLib.inference import Options, Segmentation
from LiverTumorSegLib.model import Model
from LiverTumorSegLib.postprocessing import Postprocessing
from LiverTumorSegLib.preprocessing import Chain
from LiverTumorSegLib.volume import Volume

__all__ = ["_one_archive", "archive"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
KEEP_ALL = Postprocessing(
    largest_liver=False, lesions_in_liver=False, fill_holes=False, smallest_lesion_ml=0, smallest_liver_ml=0
)


LONG = ("planted_mistakes", "stress_", "killed_training", "training_group", "node_", "reproduction_", "module_selftest")
"""Beginnings of files that take long: they begin first, so that no process is left with one of them at the end."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.path.name.startswith(tuple(f"test_{name}" for name in LONG)))


def describe(**changes):
    """A description that says little, with what a test wants to say."""
    fields = {
        "name": "tiny",
        "title": "A tiny model",
        "segments": "the liver and its lesions",
        "network": NetworkSpec(name="unet", in_channels=1, options={"features": [4, 4, 4, 4, 4, 4]}),
        "preprocessing": Chain.model_validate([{"step": "window", "level": 60, "width": 200}]),
        "postprocessing": KEEP_ALL,
        "weights": WeightsFile(sha256="0" * 64, bytes=1),
        "training": Training(data="none", patients=(), validation_patients=(), seed=0, command="none"),
        "licence": Licence(name="CC0-1.0", terms="none."),
    }
    return Description(**fields | changes)


class Thresholds(networks.SliceNetwork):
    """Liver from half of the window on, lesion from nine tenths: labels that follow from the voxels alone."""

    def __init__(self):
        super().__init__(1, 3)

    def logits(self, slices):
        middle = slices[:, slices.shape[1] // 2]
        liver = (middle - 0.5) * 20
        return torch.stack([torch.zeros_like(middle), liver, liver + (middle - 0.9) * 40], dim=1)


@pytest.fixture
def thresholds():
    return Model(describe(), Thresholds())


@pytest.fixture
def random_model():
    """A U-Net with random weights on three slices, resampling: anything that can go wrong in space, does."""
    torch.manual_seed(3)
    spec = NetworkSpec(name="unet", in_channels=3, options={"features": [8, 8, 8, 8, 8, 8]})
    chain = Chain.model_validate(
        [{"step": "window", "level": 0, "width": 400}, {"step": "resample", "spacing_mm": 1.7}]
    )
    network = networks.create(spec.name, spec.in_channels, spec.classes, **spec.options).eval()
    with torch.no_grad():  # so that every label occurs
        network.body.final_conv.bias -= network(torch.rand(4, 3, 32, 32)).mean(dim=(0, 2, 3))
    description = describe(network=spec, preprocessing=chain, stack=Stack(slices=3, spacing_mm=2.0))
    return Model(description, network)


@pytest.fixture
def model_folder(tmp_path):
    """A saved model with random weights."""
    torch.manual_seed(0)
    description = describe()
    network = networks.create("unet", 1, 3, **description.network.options)
    fields = {
        name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")
    }
    model.save(tmp_path / "tiny", network, lambda d: f"# {d.title}\n", **fields)
    return tmp_path / "tiny"


@pytest.fixture(scope="session")
def small_phantom():
    """A coarse phantom of the whole liver."""
    return phantom.create((40, 96, 112), (6.0, 4.0, 4.0), seed=5, lesions=2)


@pytest.fixture
def segmentation(small_phantom):
    """The phantom's truth as if a model had found it."""
    return Segmentation(
        small_phantom.labels, small_phantom.volume, describe(), "cpu, float32", Options(), ("A note.",), 1.0
    )


@pytest.fixture
def ct():
    """A small CT-like volume without symmetry, spacings all different."""
    random = np.random.default_rng(1)
    voxels = random.normal(0, 150, (12, 20, 24)).astype(np.int16)
    return Volume(voxels, np.array([[-0.8, 0, 0, 40], [0, -0.9, 0, 60], [0, 0, 2.5, -30], [0, 0, 0, 1.0]]))


@pytest.fixture(scope="session")
def samples():
    folder = SHARED / "samples"
    if not folder.is_dir():
        pytest.skip(f"needs the sample CTs in {folder}")
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["livertumorseg", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return (code, *capsys.readouterr())

    return run


def reordered(volume, axes, flips):
    """The same volume in the patient, its array transposed and flipped, its affine with it."""
    array = volume.voxels.transpose(axes)
    affine = volume.affine.copy()
    affine[:3, :3] = affine[:3, :3][:, [2 - axis for axis in reversed(axes)]]
    for axis, flip in enumerate(flips):
        if flip:
            column = 2 - axis
            affine[:3, 3] += affine[:3, column] * (array.shape[axis] - 1)
            affine[:3, column] *= -1
            array = np.flip(array, axis)
    return Volume(np.ascontiguousarray(array), affine)


@pytest.fixture(scope="session")
def warm_worker():
    """A worker for many tests, so that PyTorch is loaded once."""
    from LiverTumorSegLib.worker.client import Worker

    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="session", autouse=True)
def _own_models(tmp_path_factory):
    """The models that the user of this machine imported are left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture(autouse=True)
def _own_locale():
    """SimpleITK leaves the locale C behind where a test has it write DICOM."""
    before = locale.setlocale(locale.LC_ALL)
    yield
    locale.setlocale(locale.LC_ALL, before)


def settle(panel, until=lambda panel: not panel.busy, seconds=60):
    """Poll a panel until its job has ended, or as told."""
    end = time.monotonic() + seconds
    while not until(panel):
        assert time.monotonic() < end, f"{panel.state} after {seconds} s: {panel.stage} {panel.error}"
        panel.poll()
        time.sleep(0.005)
