"""``.onnx``: for ONNX Runtime, TensorRT, OpenVINO and browsers."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

from ..core.errors import UserError
from ..models.model_folder import DESCRIPTION, Model
from . import graph
from .check import SampleSlice
from .readme import INPUT, OUTPUT, model_facts

FILE = "model.onnx"
CONTENTS = frozenset({FILE, DESCRIPTION, "README.md"})
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
USE = f"""`{FILE}` holds the model's facts as metadata, `{DESCRIPTION}` among them:

```python
import onnxruntime

session = onnxruntime.InferenceSession("{FILE}")
[logits] = session.run(None, {{"{INPUT}": channels}})
facts = session.get_modelmeta().custom_metadata_map
```"""


def check_packages() -> None:
    """Raise :class:`UserError` where a package is missing."""
    for name in PACKAGES:
        _package(name)


def write(folder: Path, model: Model) -> None:
    """Write ``model.onnx`` and ``model.json``."""
    told = model_facts(model)
    with _without_remarks():
        made = torch.onnx.export(
            graph.export_graph(model), dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False
        )
    if made is None:
        msg = "torch.onnx.export returned nothing"
        raise RuntimeError(msg)
    for node in made.model.graph.all_nodes():
        node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)  # names files of this machine
    made.model.metadata_props.update(told)
    made.save(folder / FILE, external_data=False)
    (folder / DESCRIPTION).write_text(told[DESCRIPTION] + "\n", encoding="utf-8")


def run(folder: Path, scene: SampleSlice) -> torch.Tensor:
    """Logits of what was written, by ONNX Runtime on the CPU."""
    session = _package("onnxruntime").InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])
    (logits,) = session.run([OUTPUT], {INPUT: scene.channels.numpy()})
    return torch.from_numpy(logits)


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        msg = f"ONNX needs the package {name}, which is not installed: pip install {' '.join(PACKAGES)}"
        raise UserError(msg) from error


@contextmanager
def _without_remarks() -> Iterator[None]:
    """PyTorch remarks on every export that torchvision is not there, whose operations no network here has."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of PyTorch's own code
            yield
    finally:
        logger.setLevel(level)
