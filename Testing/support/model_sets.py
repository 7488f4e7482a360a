"""Several models on one CT whose labels follow from its HU alone: a liver, two lesions, a vessel and a spleen."""

import numpy as np
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import NetworkSpec, WeightsFile
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.preprocessing import Chain
from support.models import describe
from support.nnunet_models import write_banded_model

AIR, LESION_HU, LIVER_HU, SPLEEN_HU, VESSEL_HU = -200, 10, 60, 100, 160
SHAPE = (24, 40, 44)
LIVER = np.s_[4:20, 6:30, 6:30]
LESION, OUTER_LESION = np.s_[8:12, 10:16, 10:16], np.s_[8:12, 33:37, 36:40]
TOUCHING_LESION = np.s_[14:17, 26:33, 20:24]
VESSEL, SPLEEN = np.s_[6:18, 20:23, 14:17], np.s_[8:14, 8:14, 34:42]
LOW, HIGH = -140, 260


def scene():
    """A CT of voxels of 2 mm: a lesion in the liver, one that leaves it, one outside; a vessel; a spleen."""
    voxels = np.full(SHAPE, AIR, np.int16)
    for part, hu in (
        (LIVER, LIVER_HU), (LESION, LESION_HU), (OUTER_LESION, LESION_HU), (TOUCHING_LESION, LESION_HU),
        (VESSEL, VESSEL_HU), (SPLEEN, SPLEEN_HU),
    ):  # fmt: skip
        voxels[part] = hu
    return Volume(voxels, np.array([[-2.0, 0, 0, 40], [0, -2.0, 0, 60], [0, 0, 2.0, -30], [0, 0, 0, 1]]))


def marked(*parts):
    """Where one of the parts is."""
    mask = np.zeros(SHAPE, bool)
    for part in parts:
        mask[part] = True
    return mask


class HuBands(networks.SliceNetwork):
    """The n-th label where the HU are in the n-th band, background elsewhere."""

    def __init__(self, *bands):
        super().__init__(1, 1 + len(bands))
        self.bands = bands

    def logits(self, slices):
        hu = slices[:, slices.shape[1] // 2] * (HIGH - LOW) + LOW
        inside = [1 - (hu - (low + high) / 2).abs() / ((high - low) / 2) for low, high in self.bands]
        return torch.stack([torch.zeros_like(hu), *inside], dim=1)


def own_model(name, labels, *bands, **changes):
    """A model of this program's kind, by bands of HU."""
    fields = {
        "name": name, "labels": ("background", *labels), "network": NetworkSpec(name="unet", in_channels=1,
        classes=1 + len(labels)), "weights": WeightsFile(sha256=name.encode().hex().ljust(64, "0")[:64], bytes=1),
        "preprocessing": Chain.model_validate([{"step": "window", "level": 60, "width": HIGH - LOW}]),
    }  # fmt: skip
    return Model(describe(**fields | changes), HuBands(*bands))


def liver_model(**changes):
    """Finds the liver with all that is in it and no spleen."""
    return own_model("livers", ["liver"], (40, 90), **{"postprocessing": Postprocessing()} | changes)


def lesion_model(**changes):
    """Finds lesions, wherever they are."""
    return own_model("lesions", ["lesion"], (-30, 40), **changes)


def joint_model(**changes):
    """Finds livers, and takes the spleen for a part of them, and lesions."""
    return own_model("joint", ["liver", "lesion"], (40, 130), (-30, 40), **changes)


def nnunet(folder, outputs, edges, name, **changes):
    """A loaded model of nnU-Net's kind, by bands of HU."""
    return model_folder.load(write_banded_model(folder / name, outputs, edges, name=name, **changes))


def vessel_model(folder, **changes):
    """Finds vessels alone."""
    return nnunet(folder, ["background", "liver_vessels"], [130], "vessels", **changes)


def spleen_model(folder):
    """Finds the spleen, and vessels."""
    return nnunet(folder, ["background", "", "spleen", "liver_vessels"], [0, 80, 130], "organs")


def segments_model(folder):
    """Takes lesions for segment II, liver for segment VI."""
    return nnunet(folder, ["background", "liver_segment_2", "liver_segment_6", ""], [-30, 40, 80], "couinaud")
