"""Small models of several architectures, and how the parts of a MONAI bundle are run without its engine."""

import nibabel
import numpy as np
import torch
from monai.bundle import ConfigParser

from LiverTumorSegLib import networks
from LiverTumorSegLib.export.graph import InputSizes
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models.description import NetworkSpec, Patches, SliceStack
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.preprocessing import Chain
from support.models import describe
from support.network_tester import settled

WINDOW = {"step": "window", "level": 60, "width": 200}
NARROW = {
    "unet": {"features": [4] * 6},
    "segnet": {"features": [4] * 5},
    "resnet18": {"width": 4, "imagenet_input": True},
    "attention_unet": {"features": [4] * 5},
    "unet_valid": {"features": [4] * 5},
    "unet3d": {"features": [4] * 6},
    "alexnet_fcn": {"smoothing": 0.5, "fc_channels": 16},
}


def small(name, classes=3, steps=(WINDOW,), slices=1, **changes):
    """A model with random weights whose normalisations have statistics as after training."""
    torch.manual_seed(4)
    spec = NetworkSpec(name=name, in_channels=slices, classes=classes, options=NARROW[name])
    network = networks.create(name, slices, classes, **NARROW[name])
    if name == "unet3d":
        changes |= {"patches": Patches(spacing_mm=(6, 4, 4), size=(32, 48, 32), overlap=0.25)}
    chain = Chain.model_validate(list(steps))
    described = describe(network=spec, preprocessing=chain, stack=SliceStack(slices=slices, spacing_mm=6), **changes)
    shown = torch.rand(2, slices, *[network.smallest + 64] * network.axes) if network.axes == 2 else None
    ready = network.eval() if shown is None else settled(network, shown)
    with torch.no_grad():  # so that more than one label occurs
        heads = [part for part in ready.modules() if getattr(part, "bias", None) is not None]
        example = torch.rand(1, slices, *InputSizes.of(Model(described, ready)).example)
        heads[-1].bias -= ready(example).mean(dim=tuple(i for i in range(example.ndim) if i != 1))
    return Model(described, ready)


def parsed(folder):
    """The inference configuration of a bundle, on the CPU."""
    parser = ConfigParser()
    parser.read_config(folder / "configs" / "inference.json")
    parser["bundle_root"], parser["device"] = str(folder), "$torch.device('cpu')"
    return parser


def prepared(parser, volume, folder):
    """The channels that the bundle's preprocessing makes of a volume."""
    write_volume(folder / "ct.nii.gz", volume, overwrite=True)
    return parser.get_parsed_content("preprocessing")({"image": str(folder / "ct.nii.gz")})


def labelled(bundle, volume, folder):
    """Labels ``[k, j, i]`` that a bundle's parts write for a volume, and their affine."""
    parser = parsed(bundle)
    parser["output_dir"] = str(folder)
    data = prepared(parser, volume, folder)
    network, inferer = (parser.get_parsed_content(name) for name in ("network", "inferer"))
    with torch.no_grad():
        data["pred"] = inferer(data["image"][None], network.eval())[0]
    parser.get_parsed_content("postprocessing")(data)
    image = nibabel.load(folder / "ct_labels.nii.gz")
    return np.asarray(image.dataobj).transpose(2, 1, 0), image.affine
