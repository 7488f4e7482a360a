"""A folder after the MONAI Bundle Specification: network, preprocessing and inference as MONAI's configurations."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from monai.bundle import ConfigParser

from ..core.about import DISCLAIMER
from ..core.atomic_files import system_temporary_folder
from ..core.errors import UserError
from ..io.nifti import write_volume
from ..models.description import Description
from ..models.model_folder import Model
from . import monai_transforms
from .check import SampleSlice
from .graph import InputSizes
from .monai_transforms import grid_size, transforms

Config = dict[str, Any]
_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"

_RAS = [["L", "R"], ["P", "A"], ["I", "S"]]
"""Lower and upper end of each axis, as MONAI's readers give them."""


def metadata_config(model: Model) -> Config:
    """Metadata that the specification asks for; ``livertumorseg`` holds the whole ``model.json``."""
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


def inference_config(model: Model) -> Config:
    """``python -m monai.bundle run --config_file configs/inference.json`` writes labels for every CT of a folder."""
    description, sizes = model.description, InputSizes.of(model)
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
        "preprocessing": {"_target_": "Compose", "transforms": [*_loading_transforms(), *transforms(description)]},
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


def _loading_transforms() -> list[Any]:
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
    sizes = InputSizes.of(model)
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


CONTENTS = frozenset({"configs", "models", "docs", "LICENSE"})
USE = """In this folder, with CTs as NIfTI in `data`, this writes their labels to `labels`
(`pip install "monai[nibabel,ignite,fire]"`):

```sh
python -m monai.bundle run --config_file configs/inference.json
```

`--dataset_dir` and `--output_dir` name other folders. `models/model.ts` is TorchScript, `models/model.pt` its state
dictionary, which `torch.load(..., weights_only=True)` reads. Preprocessing, inference and interpolation to the CT's own
grid are those of LiverTumorSeg; the 3D clean-up that follows there is not part of the bundle, nor is its first pass on
coarse slices (compare with `livertumorseg segment --full`)."""

_RUN = ("$", "@", "%")
"""Beginnings of texts that MONAI runs as Python, looks up, or reads another file for."""

_OF_THIS_RUN = (".debug_pkl", "/serialization_id")
"""Parts of TorchScript that no reader needs: notes for debuggers, which name files of this machine, and their hash."""

_COUNTED = re.compile(rb"___torch_mangle_\d+")
"""Endings by which PyTorch tells classes of one name apart, counted since the process began."""


def check(description: Description) -> None:
    """Refuse models whose inference MONAI cannot repeat, and those that have it do something else.

    Raises:
        UserError: as :func:`.monai_transforms.check_transforms`, or the description holds what MONAI would run.
    """
    monai_transforms.check_transforms(description)
    for text in _texts(description.model_dump(mode="json")):
        if text.strip().startswith(_RUN) or (text.startswith("_") and text.endswith("_")):
            msg = (
                f"The model's description says “{shorten(text, 60)}”, which MONAI would take for an instruction: "
                "export the model as onnx or torch-export."
            )
            raise UserError(msg)


def _texts(value: Any) -> Iterator[str]:
    """Every text and every key in nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, content in value.items():
            yield key
            yield from _texts(content)
    elif isinstance(value, list):
        for content in value:
            yield from _texts(content)


def write(folder: Path, model: Model) -> None:
    """Write ``configs``, ``models`` and ``LICENSE``; ``docs`` is there for the README.

    TorchScript, since it is the graph that the specification names, and its modules switch between training and
    evaluation, as MONAI's engines ask; those of ``torch.export`` do not.
    """
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir()
    for name, content in (("metadata", metadata_config(model)), ("inference", inference_config(model))):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    traced = _traced(model)
    _save(traced, folder / "models" / "model.ts")
    weights = io.BytesIO()
    torch.save(traced.state_dict(), weights)
    (folder / "models" / "model.pt").write_bytes(weights.getbuffer())
    licence = model.description.licence
    (folder / "LICENSE").write_text(f"{licence.name}\n\n{licence.terms}\n", encoding="utf-8")


def run(folder: Path, scene: SampleSlice) -> torch.Tensor:
    """Logits of the bundle's network, for a network of slices with the bundle's own preprocessing of the CT."""
    parser = ConfigParser()
    parser.read_config(folder / "configs" / "inference.json")
    parser["bundle_root"], parser["device"] = str(folder.resolve()), "$torch.device('cpu')"
    network = parser.get_parsed_content("network_def").eval()
    channels = scene.channels
    if channels.ndim == 4:  # a patch of a volume is not where the bundle's inferer would cut one
        channels = _prepared(parser, scene)
    logits: torch.Tensor = network(channels)
    return logits


def _prepared(parser: ConfigParser, scene: SampleSlice) -> torch.Tensor:
    with system_temporary_folder() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of decoders for DICOM, which this is not
        path = scratch / "ct.nii"
        write_volume(path, scene.volume)
        image = _preprocessed_image(parser, path)
    return image[None, :, scene.number]


def _preprocessed_image(parser: ConfigParser, path: Path) -> torch.Tensor:
    try:
        image: torch.Tensor = parser.get_parsed_content("preprocessing")({"image": str(path)})["image"].as_tensor()
    except RuntimeError as error:  # MONAI's word for every failure
        if path.exists():
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    return image


def _save(traced: torch.jit.ScriptModule, path: Path) -> None:
    """Write TorchScript without what depends on the machine, or on what this process traced before."""
    whole = io.BytesIO()
    torch.jit.save(traced, whole)
    names: dict[bytes, bytes] = {}

    def counted_anew(found: re.Match[bytes]) -> bytes:
        return names.setdefault(found[0], b"___torch_mangle_%d" % len(names))

    with zipfile.ZipFile(whole) as every, zipfile.ZipFile(path, "w") as kept:
        for entry in every.infolist():
            if entry.filename.endswith(_OF_THIS_RUN):
                continue
            name, content = entry.filename.encode(), every.read(entry)
            if "/data/" not in entry.filename:
                name, content = (_COUNTED.sub(counted_anew, text) for text in (name, content))
            kept.writestr(zipfile.ZipInfo(name.decode()), content)


def _traced(model: Model) -> torch.jit.ScriptModule:
    """The network as TorchScript whose classes all have a count in their names, as not all have at the first time."""
    channels = torch.zeros(2, model.network.in_channels, *InputSizes.of(model).example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that could vary, which the trace keeps as expressions
        torch.jit.trace(model.network, channels, check_trace=False)
        return torch.jit.trace(model.network, channels, check_trace=False)
