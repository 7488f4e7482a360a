"""Fixtures that several tests share."""

import gc
import locale
import os
import sys

import numpy as np
import pytest
import torch
from hypothesis import settings
from support.archive_cases import _one_archive, archive
from support.marks import mark_and_sort
from support.models import Thresholds, describe
from support.repository import SHARED

from LiverTumorSegLib import networks
from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models.description import Description, NetworkSpec, SliceStack
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.preprocessing import Chain

__all__ = ["_one_archive", "archive"]


settings.register_profile("any machine", deadline=None)  # a busy one is slow by itself
settings.load_profile("any machine")

_LOCALE = locale.setlocale(locale.LC_ALL)


def pytest_collection_modifyitems(items):
    mark_and_sort(items)


def pytest_collection_finish():
    """Take all that is loaded out of the garbage collector's sight: to look through it costs a second each time."""
    gc.collect()
    gc.freeze()


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
    description = describe(network=spec, preprocessing=chain, stack=SliceStack(slices=3, spacing_mm=2.0))
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
        small_phantom.labels, small_phantom.volume, describe(), "cpu, float32", SegmentationOptions(), ("A note.",), 1.0
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
        code, environment = 0, dict(os.environ)
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:  # a command sets variables for the processes it starts, which would hold for later tests, too
            os.environ.clear()
            os.environ.update(environment)
        return (code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def warm_worker():
    """A worker for many tests, so that PyTorch is loaded once."""
    from LiverTumorSegLib.apps.worker.client import Worker

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
    """SimpleITK leaves the locale C behind where a test, or a fixture of its module, has it write DICOM."""
    locale.setlocale(locale.LC_ALL, _LOCALE)
    yield
    locale.setlocale(locale.LC_ALL, _LOCALE)
