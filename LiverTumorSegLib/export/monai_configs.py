"""``metadata.json`` and ``inference.json`` of a MONAI bundle (MONAI Bundle Specification)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from .. import DISCLAIMER
from ..description import Description
from ..model import Model
from .graph import Sizes
from .monai_transforms import grid_size, transforms

Config = dict[str, Any]
_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"

_RAS = [["L", "R"], ["P", "A"], ["I", "S"]]
"""Lower and upper end of each axis, as MONAI's readers give them."""


def metadata(model: Model) -> Config:
    """What the specification asks for; ``livertumorseg`` holds the whole ``model.json``."""
    description, training = model.description, model.description.training
    return {
        "schema": _SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported from LiverTumorSeg's “{description.name}”"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"nibabel": version("nibabel"), "pytorch-ignite": "0.4.11"},
        "name": description.title,
        "task": f"Segmentation of {description.segments} in CT",
        "description": f"{description.title}: segments {description.segments} in CT, by the network "
        f"{description.network.name} ({model.network.source}).",
        "authors": "LiverTumorSeg",
        "copyright": f"{description.licence.name}: {description.licence.terms}",
        "data_source": training.data,
        "intended_use": DISCLAIMER,
        "network_data_format": {
            "inputs": {"image": _input(model)},
            "outputs": {"pred": _output(model)},
        },
        "livertumorseg": description.model_dump(mode="json"),
    }


def inference(model: Model) -> Config:
    """``python -m monai.bundle run --config_file configs/inference.json`` writes labels for every CT of a folder."""
    description, sizes = model.description, Sizes.of(model)
    return {
        "imports": ["$import glob"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/data'",
        "output_dir": "$@bundle_root + '/labels'",
        "datalist": "$sorted(glob.glob(@dataset_dir + '/*.nii*'))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": "$torch.jit.load(@bundle_root + '/models/model.ts', map_location=@device)",
        "network": "$@network_def.to(@device)",
        "size": grid_size(description),
        "padded": f"$lambda count: max({sizes.least}, -(-count // {sizes.stride}) * {sizes.stride})",
        "orientation": {"_target_": "Orientationd", "keys": ["image", "ct"], "axcodes": "SPL", "labels": _RAS},
        "preprocessing": {"_target_": "Compose", "transforms": [*_loaded(), *transforms(description)]},
        "dataset": {"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]", "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": _inferer(description),
        **_postprocessing(description),
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
        },
        "run": ["$@evaluator.run()"],
    }


def _loaded() -> list[Any]:
    return [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "CopyItemsd", "keys": "image", "names": "ct"},
        "@orientation",
    ]


def _inferer(description: Description) -> Config:
    if description.patches is None:
        return {"_target_": "SliceInferer", "roi_size": [-1, -1], "spatial_dim": 0, "sw_batch_size": 8, "overlap": 0}
    return {
        "_target_": "SlidingWindowInferer",
        "roi_size": list(description.patches.size),
        "sw_batch_size": 1,
        "overlap": description.patches.overlap,
        "mode": "gaussian",
        "padding_mode": "replicate",
    }


def _postprocessing(description: Description) -> Config:
    head = description.head
    if head.sigmoid:
        labels = f"$lambda logits: (logits > 0).to(torch.uint8) * {head.values[0]}"
    else:
        values = f"torch.tensor({[0, *head.values]}, dtype=torch.uint8, device=logits.device)"
        labels = f"$lambda logits: {values}[logits.argmax(0, keepdim=True)]"
    used = (
        "[:, :@size(ct)[0], :@size(ct)[1], :@size(ct)[2]]"
        if description.patches
        else ("[..., :@size(ct)[0], :@size(ct)[1]]")
    )
    whole = "size=tuple(ct.shape[1:]), mode='trilinear'"
    return {
        "restored": f"$lambda pred, ct: torch.nn.functional.interpolate(pred.as_tensor(){used}[None], {whole})[0]",
        "labels": labels,
        "labelled": "$lambda data: monai.data.MetaTensor(@labels(@restored(data['pred'], data['ct'])))",
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Lambda", "func": "$lambda data: {**data, 'pred': @labelled(data)}"},
                {"_target_": "Invertd", "keys": "pred", "transform": "@orientation", "orig_keys": "ct"},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "labels",
                    "output_dtype": "$np.uint8",
                    "separate_folder": False,
                    "resample": False,
                },
            ],
        },
    }


def _input(model: Model) -> Config:
    channels = model.network.in_channels
    return _tensor(model, channels, {str(number): f"channel {number}" for number in range(channels)}) | {
        "format": "magnitude",
        "modality": "CT",
    }


def _output(model: Model) -> Config:
    labels: tuple[str, ...] = model.description.labels
    if model.description.head.sigmoid:
        labels = labels[1:]
    named = {str(number): name for number, name in enumerate(labels)}
    return _tensor(model, model.network.classes, named) | {"format": "labels"}


def _tensor(model: Model, channels: int, named: dict[str, str]) -> Config:
    sizes = Sizes.of(model)
    multiples = [f"{sizes.stride}*{letter}" for letter in "pn"]
    return {
        "type": "image",
        "num_channels": channels,
        "spatial_shape": list(sizes.patch) if sizes.patch else multiples,
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": sizes.patch is not None,
        "channel_def": named,
    }
