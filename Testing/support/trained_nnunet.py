"""A network of nnU-Net's kind that learns from a phantom, as a model of this program and with nnU-Net's own plans."""

import json
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import ndimage
from torch.nn import functional as F

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Licence, NetworkSpec, Training
from LiverTumorSegLib.models.nnunet.settings import NnUNet, Normalisation, Resampling
from LiverTumorSegLib.networks import MeanOfFolds, SliceNetwork, create_with_options
from LiverTumorSegLib.training.planning.configurations import Configuration
from LiverTumorSegLib.training.planning.topology import Topology

OUTPUTS = (
    "background", "liver", "lesion", "liver_vessels", "hepatic_veins", "portal_vein", "gallbladder", "spleen",
    "liver_segment_1", "liver_segment_2",
)  # fmt: skip
EDGES = (-150, -30, 40, 80, 130, 250, 400)
"""HU from which voxels beside the liver are the outputs from the fourth on, whose names mean nothing here."""

NORMALISATION = Normalisation(scheme="ct", low=-160, high=420, mean=60, deviation=90)
STEP = 0.5


@dataclass(frozen=True)
class Size:
    """Voxels and millimetres of a CT, and those of a network's patch.

    Args:
        shape: of the CT.
        ct_mm: of the CT.
        spacing: of the patch.
        patch: voxels.
        features: of the network's stages.
        mirrors: axes along which passes are mirrored.
    """

    shape: tuple[int, ...]
    ct_mm: tuple[float, ...]
    spacing: tuple[float, ...]
    patch: tuple[int, ...]
    features: tuple[int, ...]
    mirrors: tuple[int, ...] = (0, 1, 2)

    @property
    def resampled(self) -> tuple[int, ...]:
        """Voxels of the CT at the patch's spacing."""
        return tuple(round(n * mm / to) for n, mm, to in zip(self.shape, self.ct_mm, self.spacing, strict=True))

    @property
    def tiles(self) -> int:
        """Patches that cover the CT."""
        sides = zip(self.resampled, self.patch, strict=True)
        return prod(ceil(max(n - side, 0) / (side * STEP)) + 1 for n, side in sides)

    @property
    def passes(self) -> int:
        """Of the network, mirrored ones too."""
        return self.tiles * 2 ** len(self.mirrors)

    @property
    def options(self) -> dict:
        """Of the network."""
        return {"features": list(self.features), "encoder": [2] * len(self.features)}


def trained_network(made: phantom.Phantom, size: Size, steps: int, device: str) -> SliceNetwork:
    """A network that has seen so many patches of a phantom."""
    torch.manual_seed(0)
    network = create_with_options("plain_conv_unet_3d", 1, len(OUTPUTS), size.options).to(device).train()
    image = torch.from_numpy(made.volume.voxels.astype(np.float32)).clamp(NORMALISATION.low, NORMALISATION.high)
    image = (image[None, None] - NORMALISATION.mean) / NORMALISATION.deviation
    target = torch.from_numpy(_channels(made).astype(np.float32))[None, None]
    image = F.interpolate(image, size=size.resampled, mode="trilinear")
    target = F.interpolate(target, size=size.resampled, mode="nearest-exact").long()
    optimiser, random = torch.optim.Adam(network.parameters(), 3e-3), np.random.default_rng(0)
    for _ in range(steps):
        limits = [max(0, n - side) + 1 for n, side in zip(size.resampled, size.patch, strict=True)]
        part = tuple(slice(at, at + side) for at, side in zip(random.integers(limits), size.patch, strict=True))
        logits = network(image[(..., *part)].to(device))[0]
        F.cross_entropy(logits, target[(0, slice(None), *part)].to(device)).backward()
        optimiser.step()
        optimiser.zero_grad()
    return network.cpu().eval()


def _channels(made: phantom.Phantom) -> np.ndarray:
    """Channel of each voxel: liver and lesions are the phantom's, all else are bands of HU."""
    bands = np.digitize(ndimage.gaussian_filter(made.volume.voxels.astype(np.float32), 1), EDGES)
    return np.where(made.labels > 0, made.labels, np.where(bands > 0, bands + 2, 0))


def save_own(folder: Path, network: SliceNetwork, size: Size) -> None:
    """The network as a model folder of this program."""
    settings = NnUNet(
        configuration="3d_fullres",
        outputs=OUTPUTS,
        spacing_mm=size.spacing,
        patch=size.patch,
        normalisation=NORMALISATION,
        image=Resampling(method="spline", order=3),
        logits=Resampling(method="spline", order=1),
        mirror_axes=size.mirrors,
    )
    model_folder.save(
        folder,
        MeanOfFolds([network]),
        lambda description: f"# {description.title}\n",
        name="trained",
        title="Trained on a phantom",
        segments="liver, lesions and bands of HU",
        network=NetworkSpec(name="plain_conv_unet_3d", in_channels=1, classes=len(OUTPUTS), options=size.options),
        nnunet=settings,
        labels=settings.labels,
        training=Training(data="none", patients=(), validation_patients=(), seed=0, command="none"),
        licence=Licence(name="CC0-1.0", terms="any use"),
    )


def save_theirs(folder: Path, network: SliceNetwork, size: Size) -> None:
    """The network as nnU-Net's ``plans.json`` and ``dataset.json``, and ``weights.safetensors``, each tensor once."""
    stages = len(size.features)
    strides, kernels = [(min(stage, 1) + 1,) * 3 for stage in range(stages)], [(3,) * 3] * stages
    topology = Topology(tuple(strides), tuple(kernels), size.patch, (2 ** (stages - 1),) * 3)
    plan = Configuration("3d_fullres", size.spacing, size.resampled, topology, 2).to_plan()
    plan["architecture"]["arch_kwargs"]["features_per_stage"] = list(size.features)
    norm = NORMALISATION
    intensities = {"mean": norm.mean, "std": norm.deviation, "percentile_00_5": norm.low, "percentile_99_5": norm.high}
    plans = {
        "dataset_name": "Dataset001_Phantom",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": plan},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }
    labels = {name: value for value, name in enumerate(OUTPUTS)}
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii.gz"}
    for name, content in (("plans", plans), ("dataset", dataset)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "weights.safetensors")
