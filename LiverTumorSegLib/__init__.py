"""Find the liver and its tumours in CT, without a screen.

These names are the library's public API. Each is loaded when it is first used, so that importing the package takes no
time and loads neither PyTorch nor any other package. Nothing inside the library imports them from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import networks
    from .clicked_lesion import SegmentedLesion, segment_lesion
    from .core.about import __version__
    from .core.errors import UserError
    from .core.volume import Volume
    from .evaluation.evaluate import evaluate
    from .follow_up.comparison import compare_scans
    from .follow_up.scan import Scan
    from .inference.segment import SegmentationOptions
    from .io.volumes import read_volume, write_labels
    from .models.store import load_model
    from .pipeline import SegmentationResult, segment, segment_file
    from .reporting.lesions import LesionTable, measure_lesions
    from .training.train import train

__all__ = [
    "LesionTable",
    "Scan",
    "SegmentationOptions",
    "SegmentationResult",
    "SegmentedLesion",
    "UserError",
    "Volume",
    "__version__",
    "compare_scans",
    "evaluate",
    "load_model",
    "measure_lesions",
    "networks",
    "read_volume",
    "segment",
    "segment_file",
    "segment_lesion",
    "train",
    "write_labels",
]

_MODULES = {
    "LesionTable": "reporting.lesions",
    "Scan": "follow_up.scan",
    "SegmentationOptions": "inference.segment",
    "SegmentationResult": "pipeline",
    "SegmentedLesion": "clicked_lesion",
    "UserError": "core.errors",
    "Volume": "core.volume",
    "__version__": "core.about",
    "compare_scans": "follow_up.comparison",
    "evaluate": "evaluation.evaluate",
    "load_model": "models.store",
    "measure_lesions": "reporting.lesions",
    "read_volume": "io.volumes",
    "segment": "pipeline",
    "segment_file": "pipeline",
    "segment_lesion": "clicked_lesion",
    "train": "training.train",
    "write_labels": "io.volumes",
}


def __getattr__(name: str) -> Any:
    """A public name, loaded at its first use."""
    if name == "networks":
        return import_module(".networks", __name__)
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
