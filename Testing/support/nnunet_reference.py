"""What nnunetv2 made of small networks and synthetic CTs, kept by ``Testing/reference/nnunet/make.py``."""

import json
from functools import cache

import numpy as np
from safetensors.torch import load_file

from LiverTumorSegLib.io.volumes import read_volume
from LiverTumorSegLib.models.description import NetworkSpec
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.models.nnunet.settings import NnUNet
from LiverTumorSegLib.networks import MeanOfFolds, create_with_options
from LiverTumorSegLib.preprocessing import Chain

from .models import describe
from .repository import TESTING

FOLDER = TESTING / "reference" / "nnunet"


@cache
def kept():
    """All that ``cases.json`` says."""
    return json.loads((FOLDER / "cases.json").read_text())


def names():
    """Of the cases."""
    return list(kept()["cases"])


def ct(name):
    """The CT of a case."""
    return read_volume(FOLDER / "cts" / f"{kept()['cases'][name]['ct']}.nii.gz")


def model(name):
    """The model of a case, as an import would have made it."""
    case = kept()["cases"][name]
    spec, settings = NetworkSpec(**case["network"]), NnUNet.model_validate_json(json.dumps(case["settings"]))
    folds = [create_with_options(spec.name, 1, spec.classes, spec.options) for _ in case["weights"]]
    for fold, weights in zip(folds, case["weights"], strict=True):
        found = load_file(FOLDER / "weights" / f"{weights}.safetensors")
        fold.load_state_dict({key: tensor.float() for key, tensor in found.items()})
    description = describe(network=spec, nnunet=settings, labels=settings.labels, preprocessing=Chain(()))
    return Model(description, MeanOfFolds(folds).eval())


def labels(name):
    """nnU-Net's labels of a case, ``[k, j, i]``, numbered as this program does."""
    return numbered(name, np.load(FOLDER / "labels.npz")[name])


def numbered(name, found):
    """nnU-Net's labels, numbered as this program does."""
    settings = model(name).description.nnunet
    values = (0, *settings.values) if settings.regions else settings.values
    return np.array(values, np.uint8)[found]
