"""Milliseconds a 512 x 512 slice of every preprocessing step, beside the nearest that other libraries have.

    python Testing/benchmarks/preprocessing.py [--seconds N] [--threads N] [STEP ...]

Eight slices of a phantom at once, float32 on the CPU, all libraries in turns in one run; each gets the slices in the
form that it takes, and all at once where it can. Beside each time stands how many times faster the step is here. One
thread for all: NumPy, SciPy and scikit-image have no more, and threads that wait for each other on a shared machine
measure the others' work.
Exits with 1 where a target is missed: histogram equalisation 10 times and the 3 x 3 median 3 times faster than
MONAI's, and no step slower than the best of the others by more than half.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import monai.data
import numpy as np
import SimpleITK as sitk
import torch
from monai import transforms as monai_transforms
from PIL import Image
from scipy import ndimage, stats
from segment import in_turns, ratio
from skimage import exposure, filters, measure, transform

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.preprocessing import (
    Chain,
    Clahe,
    Crop,
    FrequencyHistogram,
    Gaussian,
    HistogramEqualisation,
    HuRange,
    Median,
    MinMax,
    Resample,
    Resize,
    Slices,
    Window,
    ZScore,
)

COUNT, SIZE, SPACING = 8, 512, 0.75
OURS, MONAI, SCIPY, SKIMAGE, ITK, OTHER = "here", "MONAI", "SciPy", "scikit-image", "SimpleITK", "NumPy, Pillow"
COLUMNS = (MONAI, SCIPY, SKIMAGE, ITK, OTHER)
MOST_TIMES_THE_BEST = 1.5
LEAST_TIMES_MONAI = {"histogram_equalisation": 10.0, "median 3 x 3": 3.0}


@dataclass(frozen=True)
class Forms:
    """The same slices as each library takes them."""

    tensor: torch.Tensor
    arrays: tuple[np.ndarray, ...]
    images: tuple[sitk.Image, ...]

    @classmethod
    def of(cls, pixels: torch.Tensor) -> "Forms":
        arrays = tuple(np.ascontiguousarray(plane) for plane in pixels[:, 0].numpy())
        return cls(pixels[:, 0].clone(), arrays, tuple(sitk.GetImageFromArray(plane) for plane in arrays))

    def each(self, work: Callable) -> Callable:
        return lambda: [work(array) for array in self.arrays]

    def each_image(self, work: Callable) -> Callable:
        return lambda: [work(image) for image in self.images]

    def each_tensor(self, work: Callable) -> Callable:
        return lambda: [work(plane[None]) for plane in self.tensor]


def frequency_scaled(array: np.ndarray) -> np.ndarray:
    fractions = np.concatenate([[0.001], (np.arange(100) + 0.5) / 100, [0.999]])
    breaks = np.unique(np.sort(array.ravel())[(fractions * array.size).astype(int)])
    return np.interp(array.ravel(), breaks, np.linspace(0, 1, len(breaks))).reshape(array.shape)


def resampled(image: sitk.Image, size: int) -> sitk.Image:
    spacing = [SIZE / size] * 2
    return sitk.Resample(image, [size] * 2, sitk.Transform(), sitk.sitkLinear, [(s - 1) / 2 for s in spacing], spacing)


def intensity_cases(hu: Slices, forms: Forms) -> dict[str, dict[str, Callable]]:
    m, tensor = monai_transforms, forms.tensor
    mean, deviation, low, high = 100.0, 40.0, -20.0, 200.0
    foreground = ZScore(over="foreground", mean=mean, deviation=deviation, low=low, high=high)
    normalised = m.NormalizeIntensity(subtrahend=mean, divisor=deviation)
    return {
        "window": {
            OURS: partial(Window(level=60, width=200), hu),
            MONAI: partial(m.ScaleIntensityRange(-40, 160, 0, 1, clip=True), tensor),
            SKIMAGE: forms.each(lambda a: exposure.rescale_intensity(a, (-40, 160), (0, 1))),
            ITK: forms.each_image(lambda i: sitk.IntensityWindowing(i, -40, 160, 0, 1)),
            OTHER: forms.each(lambda a: np.clip((a + 40) / 200, 0, 1)),
        },
        "hu_range": {
            OURS: partial(HuRange(low=-200, high=300), hu),
            MONAI: partial(m.ScaleIntensityRange(-200, 300, -200, 300, clip=True), tensor),
            ITK: forms.each_image(lambda i: sitk.Clamp(i, sitk.sitkFloat32, -200, 300)),
            OTHER: forms.each(lambda a: np.clip(a, -200, 300)),
        },
        "min_max": {
            OURS: partial(MinMax(), hu),
            MONAI: partial(m.ScaleIntensity(0, 1, channel_wise=True), tensor),
            SKIMAGE: forms.each(lambda a: exposure.rescale_intensity(a, out_range=(0, 1))),
            ITK: forms.each_image(lambda i: sitk.RescaleIntensity(i, 0, 1)),
            OTHER: forms.each(lambda a: (a - a.min()) / (a.max() - a.min())),
        },
        "z_score": {
            OURS: partial(ZScore(), hu),
            MONAI: partial(m.NormalizeIntensity(channel_wise=True), tensor),
            SCIPY: forms.each(lambda a: stats.zscore(a, axis=None)),
            ITK: forms.each_image(sitk.Normalize),
            OTHER: forms.each(lambda a: (a - a.mean()) / a.std()),
        },
        "z_score foreground": {
            OURS: partial(foreground, hu),
            MONAI: lambda: normalised(tensor.clamp(low, high)),
            OTHER: forms.each(lambda a: (np.clip(a, low, high) - mean) / deviation),
        },
    }


def histogram_cases(hu: Slices, forms: Forms) -> dict[str, dict[str, Callable]]:
    window = Window(level=0, width=250)(hu)
    windowed = Forms.of(window.pixels)
    return {
        "histogram_equalisation": {
            OURS: partial(HistogramEqualisation(), window),
            MONAI: windowed.each_tensor(monai_transforms.HistogramNormalize(256, 0, 1)),
            SKIMAGE: windowed.each(exposure.equalize_hist),
        },
        "clahe": {OURS: partial(Clahe(), window), SKIMAGE: windowed.each(exposure.equalize_adapthist)},
        "frequency_histogram": {OURS: partial(FrequencyHistogram(), hu), OTHER: forms.each(frequency_scaled)},
    }


def filter_cases(hu: Slices, forms: Forms) -> dict[str, dict[str, Callable]]:
    def medians(size: int) -> dict[str, Callable]:
        radius, square = size // 2, np.ones((size, size), bool)
        return {
            OURS: partial(Median(size=size), hu),
            MONAI: partial(monai_transforms.MedianSmooth(radius), forms.tensor),
            SCIPY: forms.each(lambda a: ndimage.median_filter(a, size, mode="mirror")),
            SKIMAGE: forms.each(lambda a: filters.median(a, square, mode="mirror")),
            ITK: forms.each_image(lambda i: sitk.Median(i, [radius] * 2)),
        }

    def gaussians(sigma: float) -> dict[str, Callable]:
        return {
            OURS: partial(Gaussian(sigma=sigma), hu),
            MONAI: partial(monai_transforms.GaussianSmooth(sigma), forms.tensor),
            SCIPY: forms.each(lambda a: ndimage.gaussian_filter(a, sigma, mode="mirror")),
            SKIMAGE: forms.each(lambda a: filters.gaussian(a, sigma, mode="mirror", preserve_range=True)),
            ITK: forms.each_image(lambda i: sitk.DiscreteGaussian(i, sigma**2)),
        }

    return {
        "median 3 x 3": medians(3),
        "median 5 x 5": medians(5),
        "gaussian 0.5": gaussians(0.5),
        "gaussian 2": gaussians(2.0),
    }


def geometry_cases(hu: Slices, forms: Forms) -> dict[str, dict[str, Callable]]:
    def sizes(step: Callable, size: int) -> dict[str, Callable]:
        antialiased = monai_transforms.Resize([size] * 2, mode="bilinear", anti_aliasing=True)
        return {
            OURS: partial(step, hu),
            MONAI: partial(antialiased, forms.tensor),
            SCIPY: forms.each(
                lambda a: ndimage.zoom(ndimage.gaussian_filter(a, SIZE / size / 3), size / SIZE, order=1)
            ),
            SKIMAGE: forms.each(lambda a: transform.resize(a, [size] * 2, order=1, anti_aliasing=True)),
            ITK: forms.each_image(lambda i: resampled(sitk.DiscreteGaussian(i, (SIZE / size / 3) ** 2), size)),
            OTHER: forms.each(lambda a: np.asarray(Image.fromarray(a).resize([size] * 2, Image.Resampling.BILINEAR))),
        }

    spans = (40, 440), (10, 500)
    volume = np.stack(forms.arrays).astype(np.int16)
    chain = Chain.model_validate([{"step": "crop_to_body"}])
    largest = monai_transforms.KeepLargestConnectedComponent(connectivity=1)

    def monai_body() -> object:
        mask = largest((torch.from_numpy(volume) > -500)[None])
        return monai_transforms.CropForeground(margin=14).compute_bounding_box(mask)

    def scipy_body() -> object:
        parts = ndimage.label(volume > -500)[0]
        return ndimage.find_objects(parts)[np.bincount(parts.ravel())[1:].argmax()]

    def skimage_body() -> object:
        parts = measure.regionprops(measure.label(volume > -500, connectivity=1))
        return max(parts, key=lambda part: part.num_pixels).bbox

    return {
        "resize": sizes(Resize(height=256, width=256), 256),
        "resample": sizes(Resample(spacing_mm=1.25), round(SIZE * SPACING / 1.25)),
        "crop": {
            OURS: partial(Crop(rows=spans[0], columns=spans[1]), hu),
            MONAI: partial(monai_transforms.SpatialCrop(roi_slices=[slice(*span) for span in spans]), forms.tensor),
        },
        "crop_to_body, fitted": {
            OURS: lambda: chain.fitted(volume, (1.5, SPACING, SPACING)),
            MONAI: monai_body,
            SCIPY: scipy_body,
            SKIMAGE: skimage_body,
        },
    }


def channel_cases(hu: Slices, forms: Forms) -> dict[str, dict[str, Callable]]:
    windows = [{"step": "window", "level": 30, "width": 150}], [{"step": "window", "level": 60, "width": 200}]
    chain = Chain.model_validate([{"step": "channels", "chains": [*windows, [{"step": "frequency_histogram"}]]}])
    ranges = [
        monai_transforms.ScaleIntensityRange(low, high, 0, 1, clip=True) for low, high in ((-45, 105), (-40, 160))
    ]

    def others() -> torch.Tensor:  # MONAI has no frequency histogram
        scaled = torch.from_numpy(np.stack([frequency_scaled(array) for array in forms.arrays])).float()
        return torch.stack([*(scale(forms.tensor) for scale in ranges), scaled], dim=1)

    return {"channels": {OURS: partial(chain, hu), MONAI: others}}


def rounds(actions: dict[str, Callable], seconds: float) -> int:
    """How many rounds take about so long: many, so that few of them are the first, in which memory is handed out."""
    once = sum(taken[0] for taken in in_turns(actions, 1).values())
    return max(7, min(50, round(seconds / once)))


def row(name: str, seconds: dict[str, list[float]]) -> list[str]:
    """Print a row and return the targets that it misses."""
    print(f"{name:24s}{_ms(seconds[OURS]):9.3f}", end="")
    for column in COLUMNS:
        if column in seconds:
            times = ratio(seconds[column], seconds[OURS])
            print(f"{_ms(seconds[column]):10.3f} {f'({times:.1f} x)':9s}", end="")
        else:
            print(f"{'–':>10s} {'':9s}", end="")
    best, least = _times_the_best(seconds), LEAST_TIMES_MONAI.get(name)
    missed = []
    if best > MOST_TIMES_THE_BEST:
        missed.append(f"{name} takes {best:.2f} times as long as the best of the others")
    if least and ratio(seconds[MONAI], seconds[OURS]) < least:
        missed.append(f"{name} is {ratio(seconds[MONAI], seconds[OURS]):.1f} times faster than MONAI's, not {least:g}")
    print("  missed" if missed else "")
    return missed


def _times_the_best(seconds: dict[str, list[float]]) -> float:
    return max(ratio(seconds[OURS], taken) for name, taken in seconds.items() if name != OURS)


def _ms(seconds: list[float]) -> float:
    return median(seconds) * 1000 / COUNT


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="for each step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("steps", nargs="*", help="only steps whose names begin so")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(args.threads)
    monai.data.set_track_meta(False)
    volume = phantom.create((COUNT, SIZE, SIZE), (8.0, SPACING, SPACING)).volume
    hounsfield = torch.from_numpy(volume.axial.of(volume.voxels).astype(np.float32))[:, None]
    hu, forms = Slices(hounsfield, (SPACING, SPACING)), Forms.of(hounsfield)
    print(f"ms a {SIZE} x {SIZE} slice, medians of rounds, {args.threads} thread(s)")
    print(f"{'':24s}{OURS:>9s}" + "".join(f"{name:>13s}{'':7s}" for name in COLUMNS))
    missed = []
    for cases in (intensity_cases, histogram_cases, filter_cases, geometry_cases, channel_cases):
        for name, actions in cases(hu, forms).items():
            if not args.steps or name.startswith(tuple(args.steps)):
                missed += row(name, in_turns(actions, rounds(actions, args.seconds)))
    print("\n".join(["Targets missed:", *missed] if missed else ["All targets met."]))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
