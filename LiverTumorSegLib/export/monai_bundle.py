"""A folder after the MONAI Bundle Specification: network, preprocessing, inference, in MONAI's own words."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

import torch
from monai.bundle import ConfigParser

from ..files.nifti import write_volume
from ..model import Model
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

check = monai_transforms.check


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
    torch.jit.save(traced, folder / "models" / "model.ts")
    torch.save(traced.state_dict(), folder / "models" / "model.pt")
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
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "ct.nii"
        write_volume(path, scene.volume)
        image: torch.Tensor = parser.get_parsed_content("preprocessing")({"image": str(path)})["image"].as_tensor()
    return image[None, :, scene.number]


def _traced(model: Model) -> torch.jit.ScriptModule:
    channels = torch.zeros(2, model.network.in_channels, *Sizes.of(model).example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that could vary, which the trace keeps as expressions
        return torch.jit.trace(model.network, channels, check_trace=False)
