"""Models for other programs: ONNX, PyTorch's exported graphs, MONAI bundles."""

from __future__ import annotations

from .check import OTHER_LABELS, OTHER_LOGITS, Agreement
from .formats import FORMATS, export

__all__ = ["FORMATS", "OTHER_LABELS", "OTHER_LOGITS", "Agreement", "export"]
