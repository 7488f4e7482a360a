"""The preprocessing of the published systems, by name."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import UserError
from .chain import Chain


@dataclass(frozen=True)
class NamedChain:
    """A published system's preprocessing.

    Args:
        name: of the system.
        source: paper and section.
        says: what is stated there.
        chosen: what it leaves open, and what is done here.
        chain: its steps.
    """

    name: str
    source: str
    says: str
    chosen: str
    chain: Chain


def named(name: str) -> Chain:
    """The chain of this name.

    Raises:
        UserError: there is none.
    """
    for entry in named_chains():
        if entry.name == name:
            return entry.chain
    names = ", ".join(entry.name for entry in named_chains())
    msg = f"There is no preprocessing chain “{name}”: choose one of {names}."
    raise UserError(msg)


def named_chains() -> tuple[NamedChain, ...]:
    """All of them, by name."""
    return _CHAINS


def _entry(name: str, source: str, says: str, chosen: str, *steps: dict[str, object]) -> NamedChain:
    return NamedChain(name, source, says, chosen, Chain.model_validate(steps))


_WIDE = {"step": "window", "level": 0, "width": 4000}
"""The range from -2000 to 2000 HU, in [0, 1]."""

_CHAINS = (
    _entry(
        "ahmad",
        "Ahmad, Liver Lesion Segmentation Using UNet, section 3, Data Preprocessing",
        "Noise is reduced by Gaussian smoothing or a median filter, intensities are rescaled or equalised, and volumes "
        "are resized or cropped, so that size, resolution and intensities are the same in all.",
        "Smoothing comes first, on HU, with a sigma of half a pixel, as resampling smooths, too. A fixed range, from "
        "air to bone as in TorchIO's own example of a CT, gives a tissue the same value in every patient, which the "
        "extremes of each volume would not. Resolution is fixed at 1.5 mm; the network's patches fix the size.",
        {"step": "gaussian", "sigma": 0.5},
        {"step": "window", "level": 0, "width": 2000},
        {"step": "resample", "spacing_mm": 1.5},
    ),
    _entry(
        "dhanush",
        "Dhanush et al. 2024, Medical Image Analysis for Liver Tumor Localization and Segmentation, section 3.2",
        "Contrast is improved and pictures are normalised to zero mean and unit variance, each on its own.",
        "A picture is read as a slice. How contrast is improved is not given: here by a window from -100 to 400 HU and "
        "histogram equalisation, as Christ et al. 2017 (Automatic Liver and Tumor Segmentation, data preparation) have "
        "it to set the liver apart from other organs, which this section wants. Mean and variance are of the slice.",
        {"step": "window", "level": 150, "width": 500},
        {"step": "histogram_equalisation"},
        {"step": "z_score"},
    ),
    _entry(
        "elmenabawy",
        "Elmenabawy et al., Deep Joint Segmentation of Liver and Cancerous Nodules from CT Images, section II.A",
        "Histogram equalisation, then smoothing by a median filter.",
        "No range is given for the histogram: the one from -2000 to 2000 HU is what section I says of the other system "
        "on AlexNet, its reference 6. The filter's size is open as well: 3 x 3, the usual one.",
        _WIDE,
        {"step": "histogram_equalisation"},
        {"step": "median", "size": 3},
    ),
    _entry(
        "elmenabawy_without",
        "Elmenabawy et al., table 1, rows without preprocessing",
        "Neither histogram equalisation nor median filter.",
        "The same range as with them, so that the two steps are all that differs.",
        _WIDE,
    ),
    _entry(
        "kulkarni",
        "Kulkarni et al., Liver Tumor Segmentation using Image Segmentation Techniques, sections 3.3 to 3.5 and 3.8",
        "Channels from several windows and one scaled by its frequency histogram; pictures are resized.",
        "Windows, bins and size are not given. The functions are named as fastai's for medical images, and public "
        "notebooks for the same data set call those with the windows taken here, of width 150 at 30 HU and 200 at 60 "
        "HU, and with 100 bins of each slice; that makes three channels, a colour JPG as in section 3.6. Pictures "
        "become 256 x 256 pixels, half of a CT's.",
        {
            "step": "channels",
            "chains": [
                [{"step": "window", "level": 30, "width": 150}],
                [{"step": "window", "level": 60, "width": 200}],
                [{"step": "frequency_histogram", "bins": 100}],
            ],
        },
        {"step": "resize", "height": 256, "width": 256},
    ),
    _entry(
        "li",
        "Li et al., Deep Learning-Based Liver Cancer Segmentation Using U-net, section III.A and figure 2",
        "A window of width 250 at 0 HU, then histogram equalisation.",
        "Slices keep their size: the 572 pixels of section III.C are the unpadded network's, which mirrors borders.",
        {"step": "window", "level": 0, "width": 250},
        {"step": "histogram_equalisation"},
    ),
)
