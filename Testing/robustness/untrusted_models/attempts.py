"""Attempts that the sandbox runs: each ends as the command line does, with exit code 3 where the library refuses."""

import sys
from pathlib import Path

from LiverTumorSegLib.apps.cli.console import complain
from LiverTumorSegLib.core.errors import UserError


def _refusing(work):
    try:
        return work()
    except UserError as error:
        complain(str(error))
        sys.exit(3)


def unpack(archive, folder):
    """Unpack an archive and import what is in it."""
    from LiverTumorSegLib.models import store

    def work():
        store.unpack_model(Path(archive), Path(folder), archive)
        store.import_model(Path(folder))

    _refusing(work)


def read_weights(path):
    """Read weights for an encoder."""
    from LiverTumorSegLib.networks.imagenet_weights import read_weights

    _refusing(lambda: read_weights(Path(path)))


def read_nnunet(path):
    """Read a checkpoint of nnU-Net's, as the process that reads them does."""
    from LiverTumorSegLib.models.nnunet import checkpoints

    _refusing(lambda: checkpoints._extract([Path(path)], Path(path).with_name("weights.safetensors")))


def read_recipe(path):
    """Read a recipe."""
    from LiverTumorSegLib.training import recipe

    _refusing(lambda: recipe.load(Path(path)))


def read_checkpoint(folder):
    """Look for the newest whole checkpoint; one that is not counts for nothing, in words."""
    from LiverTumorSegLib.training import checkpoints

    if checkpoints.newest_whole(Path(folder), lambda path: complain(f"{path} is damaged")) is None:
        sys.exit(3)


def read_cache(entry):
    """Look for a patient in the cache; one that is damaged is none."""
    from LiverTumorSegLib.datasets import cache

    if cache.load(Path(entry)) is None:
        complain("no entry")
        sys.exit(3)
