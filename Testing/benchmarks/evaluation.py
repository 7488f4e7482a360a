"""Milliseconds and memory of all surface distances of a pair, beside MONAI's and surface-distance's.

    python Testing/benchmarks/evaluation.py [--repeats N]

The reference is a phantom of 512 x 512 x 160 voxels (0.75 x 0.75 x 1.5 mm), the prediction the same with wandering
edges, a missed lesion and a false one. ASSD, Hausdorff distance, its 95th percentile and surface Dice at 2 mm of the
liver and of the lesions, from the whole masks, one thread, all in turns in one run:

- the floor: reading both masks once, without which no figure is known;
- here: with the surface of LiTS (18 neighbours) and with MONAI's (6);
- MONAI: its four functions, and its best form, the distances that they share asked for once;
- surface-distance: its distances once, then its functions; it measures between voxels, hence other figures.

Peak memory (Linux) is that of a process that loads the pair and measures the liver, beyond one that only imports.
Exits with 1 where a target is missed: 2 times faster than the fastest of the others, at most 4 times the pair's memory.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import surface_distance
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from monai.metrics.utils import get_edge_surface_distance
from scipy import ndimage
from segment import in_turns, peak_memory, ratio

from LiverTumorSegLib.core.labels import LESION_LABEL, LIVER_LABEL, bounding_box
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.evaluation import label_pair, surface

SHAPE, SPACING = (160, 512, 512), (1.5, 0.75, 0.75)
TOLERANCE_MM = 2.0
FLOOR, OURS, OURS_6 = "reading both masks", "here, 18 neighbours", "here, 6 neighbours"
MONAI, MONAI_ONCE, SURFELS = "MONAI, four functions", "MONAI, distances once", "surface-distance"
OTHERS = (MONAI, MONAI_ONCE, SURFELS)
LEAST_TIMES_FASTER, MOST_TIMES_THE_PAIR = 2.0, 4.0
warnings.simplefilter("ignore")  # both packages call what is deprecated, MONAI even of its own

Figures = tuple[float, float, float, float]
Masks = tuple[np.ndarray, np.ndarray]


def here(prediction: np.ndarray, reference: np.ndarray, connectivity: int = 18) -> Figures:
    found = surface.measure(prediction, reference, SPACING, connectivity=connectivity, tolerance_mm=TOLERANCE_MM)
    return found.assd_mm, found.hd_mm, found.hd95_mm, found.surface_dice


def monai(prediction: np.ndarray, reference: np.ndarray) -> Figures:
    both = torch.from_numpy(prediction)[None, None], torch.from_numpy(reference)[None, None]
    options = {"include_background": True, "spacing": SPACING}
    return (
        compute_average_surface_distance(*both, symmetric=True, **options).item(),
        compute_hausdorff_distance(*both, **options).item(),
        compute_hausdorff_distance(*both, percentile=95, **options).item(),
        compute_surface_dice(*both, class_thresholds=[TOLERANCE_MM], **options).item(),
    )


def monai_once(prediction: np.ndarray, reference: np.ndarray) -> Figures:
    both = torch.from_numpy(prediction), torch.from_numpy(reference)
    one, other = get_edge_surface_distance(*both, spacing=SPACING, symmetric=True)[1]
    pooled = torch.cat([one, other])
    percentile = max(one.quantile(0.95).item(), other.quantile(0.95).item())
    return pooled.mean().item(), pooled.max().item(), percentile, (pooled <= TOLERANCE_MM).float().mean().item()


def surfels(prediction: np.ndarray, reference: np.ndarray) -> Figures:
    found = surface_distance.compute_surface_distances(reference, prediction, SPACING)
    averages = surface_distance.compute_average_surface_distance(found)
    areas = found["surfel_areas_gt"].sum(), found["surfel_areas_pred"].sum()
    return (
        float(np.average(averages, weights=areas)),
        float(surface_distance.compute_robust_hausdorff(found, 100)),
        float(surface_distance.compute_robust_hausdorff(found, 95)),
        float(surface_distance.compute_surface_dice_at_tolerance(found, TOLERANCE_MM)),
    )


WAYS: dict[str, Callable[..., Figures]] = {
    OURS: here,
    OURS_6: lambda *masks: here(*masks, connectivity=6),
    MONAI: monai,
    MONAI_ONCE: monai_once,
    SURFELS: surfels,
}


def perturbed(labels: np.ndarray, seed: int = 0, shift_mm: float = 4.0, wave_mm: float = 15.0) -> np.ndarray:
    """Labels as a model might draw them: one lesion missed, a false one in its neighbourhood, all edges wandering."""
    box = tuple(slice(max(0, s.start - 20), s.stop + 20) for s in bounding_box(labels))
    drawn = labels[box].copy()
    parts, count = ndimage.label(drawn == LESION_LABEL)
    missed = parts == 1 + np.bincount(parts.ravel(), minlength=count + 1)[1:].argmin()
    drawn[missed] = LIVER_LABEL
    drawn[np.roll(missed, 30, axis=2) & (drawn == LIVER_LABEL)] = LESION_LABEL
    result = np.zeros_like(labels)
    result[box] = ndimage.map_coordinates(drawn, wandering(drawn.shape, seed, shift_mm, wave_mm), order=0)
    return result


def wandering(shape: tuple[int, ...], seed: int, shift_mm: float, wave_mm: float) -> np.ndarray:
    """Where each voxel comes from: its place and a smooth random shift."""
    random, places = np.random.default_rng(seed), np.indices(shape, np.float32)
    coarse = [max(2, round(n * mm / wave_mm)) for n, mm in zip(shape, SPACING, strict=True)]
    for place, mm in zip(places, SPACING, strict=True):
        shifts = random.normal(0, shift_mm / mm, coarse).astype(np.float32)
        place += ndimage.zoom(shifts, np.divide(shape, coarse), order=1, grid_mode=True, mode="nearest")
    return places


def times(name: str, masks: Masks, repeats: int) -> list[str]:
    """Print a table and return the target missed."""
    figures = {way: measure(*masks) for way, measure in WAYS.items()}
    actions: dict[str, Callable] = {way: lambda m=measure: m(*masks) for way, measure in WAYS.items()}
    seconds = in_turns({FLOOR: lambda: [np.count_nonzero(mask) for mask in masks]} | actions, repeats)
    columns = ("ms", "x floor", "x here", "ASSD", "HD", "HD95", "surface Dice")
    print(f"\n{name:24s}" + "".join(f"{column:>13s}" for column in columns))
    for way, taken in seconds.items():
        relative = ratio(taken, seconds[FLOOR]), ratio(taken, seconds[OURS])
        print(f"{way:24s}{median(taken) * 1000:13.1f}{relative[0]:13.1f}{relative[1]:13.2f}", end="")
        print("".join(f"{figure:13.3f}" for figure in figures.get(way, ())))
    fastest = min(ratio(seconds[way], seconds[OURS]) for way in OTHERS)
    print(f"{'':24s}{fastest:.1f} times faster than the fastest of the others")
    return [f"{name}: {fastest:.2f} times faster, not {LEAST_TIMES_FASTER:g}"] if fastest < LEAST_TIMES_FASTER else []


def memory(prediction: np.ndarray, reference: np.ndarray) -> list[str]:
    """Print the peak of each way and return the target missed."""
    pair_bytes, peaks = prediction.nbytes + reference.nbytes, {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.npy"
        np.save(path, np.stack([prediction, reference]))
        for way in (OURS, *OTHERS):
            setup = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import numpy as np, evaluation"
            work = f"pair = np.load({str(path)!r}); evaluation.WAYS[{way!r}](pair[0] > 0, pair[1] > 0)"
            peaks[way] = (peak_memory(f"{setup}\n{work}") - peak_memory(setup)) / pair_bytes
    print(f"\nPeak memory in sizes of the uint8 pair ({pair_bytes / 1e6:.0f} MB), pair and masks included")
    print("\n".join(f"{way:24s}{peak:13.2f}" for way, peak in peaks.items()))
    over = peaks[OURS] > MOST_TIMES_THE_PAIR
    return [f"memory is {peaks[OURS]:.1f} times the pair's, not {MOST_TIMES_THE_PAIR:g}"] if over else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    made = phantom.create(SHAPE, SPACING, lesions=6, noise_hu=0)
    reference = np.ascontiguousarray(made.volume.axial.of(made.labels))
    prediction = perturbed(reference)
    print(f"{' x '.join(map(str, SHAPE[::-1]))} voxels, one thread, medians of {args.repeats} rounds, distances in mm")
    missed = []
    for name in (label_pair.LIVER_NAME, label_pair.LESION_NAME):
        masks = label_pair.structure_mask(prediction, name), label_pair.structure_mask(reference, name)
        missed += times(name, masks, args.repeats)
    missed += memory(prediction, reference)
    print("\n" + "\n".join(["Targets missed:", *missed] if missed else ["All targets met."]))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
