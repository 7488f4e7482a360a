"""Losses by name, for heads of one channel (sigmoid) and of several (softmax), of slices and of volumes."""

from __future__ import annotations

from .by_name import AnyLoss, CrossEntropy, NamedLoss, PartialLabel
from .class_weights import median_frequency
from .levels import over_levels
from .partial_label import partial_label_loss

__all__ = [
    "AnyLoss",
    "CrossEntropy",
    "NamedLoss",
    "PartialLabel",
    "median_frequency",
    "over_levels",
    "partial_label_loss",
]
