"""A folder after the MONAI Bundle Specification: network, preprocessing, inference, in MONAI's own words."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from monai.bundle import ConfigParser

from ..description import Description
from ..errors import UserError
from ..files.nifti import write_volume
from ..model import Model
from ..scratch import temporary
from . import monai_configs, monai_transforms
from .graph import Sizes
from .scene import Scene

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
"""How a text begins that MONAI runs as Python, looks up, or reads another file for."""

_OF_THIS_RUN = (".debug_pkl", "/serialization_id")
"""Parts of TorchScript that no reader needs: notes for debuggers, which name files of this machine, and their hash."""

_COUNTED = re.compile(rb"___torch_mangle_\d+")
"""By which PyTorch tells classes of one name apart, counted since the process began."""


def check(description: Description) -> None:
    """Refuse models whose inference MONAI cannot repeat, and those that have it do something else.

    Raises:
        UserError: as :func:`.monai_transforms.check`, or the description holds what MONAI would run.
    """
    monai_transforms.check(description)
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
    for name, content in (("metadata", monai_configs.metadata(model)), ("inference", monai_configs.inference(model))):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    traced = _traced(model)
    _save(traced, folder / "models" / "model.ts")
    weights = io.BytesIO()
    torch.save(traced.state_dict(), weights)
    (folder / "models" / "model.pt").write_bytes(weights.getbuffer())
    licence = model.description.licence
    (folder / "LICENSE").write_text(f"{licence.name}\n\n{licence.terms}\n", encoding="utf-8")


def run(folder: Path, scene: Scene) -> torch.Tensor:
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


def _prepared(parser: ConfigParser, scene: Scene) -> torch.Tensor:
    with temporary() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of decoders for DICOM, which this is not
        path = scratch / "ct.nii"
        write_volume(path, scene.volume)
        image = _loaded(parser, path)
    return image[None, :, scene.number]


def _loaded(parser: ConfigParser, path: Path) -> torch.Tensor:
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
    channels = torch.zeros(2, model.network.in_channels, *Sizes.of(model).example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that could vary, which the trace keeps as expressions
        torch.jit.trace(model.network, channels, check_trace=False)
        return torch.jit.trace(model.network, channels, check_trace=False)
