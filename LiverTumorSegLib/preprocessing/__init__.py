"""Chains of named steps that turn HU slices into the channels a network was trained on."""

from __future__ import annotations

from .chain import AnyStep, Chain, Channels
from .filters import Gaussian, Median, smoothed
from .geometry import Crop, CropToBody, Resample, Resize
from .histogram import Clahe, FrequencyHistogram, HistogramEqualisation, frequency_bins, frequency_scaled
from .intensity import ForegroundStatistics, HuRange, LiverLevel, MinMax, Window, ZScore, foreground_statistics
from .presets import NamedChain, named, named_chains
from .slices import Slices
from .step import SliceStream, Step

__all__ = [
    "AnyStep",
    "Chain",
    "Channels",
    "Clahe",
    "Crop",
    "CropToBody",
    "ForegroundStatistics",
    "FrequencyHistogram",
    "Gaussian",
    "HistogramEqualisation",
    "HuRange",
    "LiverLevel",
    "Median",
    "MinMax",
    "NamedChain",
    "Resample",
    "Resize",
    "SliceStream",
    "Slices",
    "Step",
    "Window",
    "ZScore",
    "foreground_statistics",
    "frequency_bins",
    "frequency_scaled",
    "named",
    "named_chains",
    "smoothed",
]
