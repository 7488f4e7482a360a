"""Models of two networks: labels that follow from the voxels alone, seen first roughly and then closely."""

import torch

from LiverTumorSegLib.models.description import CloserNetwork
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.preprocessing import Chain
from support.models import Thresholds, describe

LEVELLED = [{"step": "liver_level", "hu": 100}, {"step": "window", "level": 60, "width": 200}]


def closer_description(steps=LEVELLED, **changes):
    """A description with a second network."""
    plain = describe()
    closer = CloserNetwork(network=plain.network, preprocessing=Chain.model_validate(steps), training=plain.training)
    return describe(closer=closer, **changes)


def two_networks(second=None, **changes):
    """A model of two networks; the second is like the first unless another is given."""
    return Model(closer_description(**changes), Thresholds().eval(), closer=(second or Thresholds()).eval())


class Nowhere(Thresholds):
    """Sees no lesion, and is as sure of it as its twin is of one."""

    def logits(self, slices):
        background, liver, lesion = super().logits(slices).unbind(dim=1)
        return torch.stack([background, liver, torch.minimum(lesion, 2 * liver - lesion - 0.1)], dim=1)
