"""``.pt2``: the graph of ``torch.export`` and its tensors in a zip file, without pickled code."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from ..models.model_folder import DESCRIPTION, Model
from . import graph
from .check import SampleSlice
from .readme import model_facts

FILE = "model.pt2"
CONTENTS = frozenset({FILE, DESCRIPTION, "README.md"})
USE = f"""`{FILE}` runs where PyTorch {torch.__version__.split("+")[0]} or later is, without LiverTumorSeg:

```python
import torch

extra = {{"{DESCRIPTION}": ""}}
logits = torch.export.load("{FILE}", extra_files=extra).module()(channels)
```

`extra` then holds the model's facts; `torch.export.passes.move_to_device_pass` moves the graph to a GPU."""


def write(folder: Path, model: Model) -> None:
    """Write ``model.pt2`` and ``model.json``."""
    told = model_facts(model)
    whole = io.BytesIO()  # PyTorch itself ends the process where the disk is full
    torch.export.save(graph.export_graph(model), whole, extra_files=told)
    (folder / FILE).write_bytes(whole.getbuffer())
    (folder / DESCRIPTION).write_text(told[DESCRIPTION] + "\n", encoding="utf-8")


def run(folder: Path, scene: SampleSlice) -> torch.Tensor:
    """Logits of what was written."""
    logits: torch.Tensor = torch.export.load(folder / FILE).module()(scene.channels)
    return logits
