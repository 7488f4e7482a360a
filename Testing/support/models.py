"""Descriptions and networks of models that say little, for tests to change."""

import json

import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.models.description import Description, Licence, NetworkSpec, Training, WeightsFile
from LiverTumorSegLib.models.model_folder import DESCRIPTION
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.preprocessing import Chain

KEEP_ALL = Postprocessing(
    largest_liver=False, lesions_in_liver=False, fill_holes=False, smallest_lesion_ml=0, smallest_liver_ml=0
)


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


def change_description(folder, **entries):
    """Write entries into the description of a model's folder."""
    path = folder / DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


class Thresholds(networks.SliceNetwork):
    """Liver from half of the window on, lesion from nine tenths: labels that follow from the voxels alone."""

    def __init__(self):
        super().__init__(1, 3)

    def logits(self, slices):
        middle = slices[:, slices.shape[1] // 2]
        liver = (middle - 0.5) * 20
        return torch.stack([torch.zeros_like(middle), liver, liver + (middle - 0.9) * 40], dim=1)
