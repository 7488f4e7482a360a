"""What methods without training make of the same clicks as a network for clicks, by patient.

    pip install scikit-image
    python Testing/benchmarks/click_baselines.py --data DIR --split folds.json -o baselines.json
        [--recipe lesion-click] [--held-out DIR] [--patients NAME ...]

The random walker of scikit-image (Grady 2006) and ITK's confidence connected growing are given the clicks of
``livertumorseg compare``, inside the reference's liver, lesions included, grown by 3 mm. Their parameters are those
with the best mean Dice of lesions after one exact click in the other folds, so that nobody is tuned on. ``--held-out``
is what ``livertumorseg calibrate -o`` wrote: there a lesion of the automatic model at the first click, or within 5 mm,
is its answer. Nothing here is timed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import sources
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.experiments.click_measures import CLICKS, LesionClicks, click_through, lesions_of
from LiverTumorSegLib.experiments.click_summary import HEAD, click_rows, summarise_clicks
from LiverTumorSegLib.inference.clicks.answer import Answer, on_grid
from LiverTumorSegLib.inference.clicks.frame import ClickFrame, Point
from LiverTumorSegLib.inference.clicks.patches import Millimetres, Patch, Slab, cut
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.training.clicks.lesions import ball_diameter_mm
from LiverTumorSegLib.training.clicks.reader import depths
from LiverTumorSegLib.training.train import load_recipe

SIZE, STEP_MM = (32, 48, 48), (1.5, 1.0, 1.0)
WALKED, REACH = (24, 32, 32), 2.4
"""Voxels that the random walker sees of a cube, and its side in radii of the shell."""

SHELLS_MM = (10.0, 20.0, 40.0)
SCATTERS_MM = (0.0, 3.0)
GROWN_MM, NEAR_MM = 3.0, 5.0
CERTAIN = 4.0

Values = NDArray[np.float32]
Options = dict[str, Any]
Method = Callable[["Place", Sequence[Point], Sequence[Point], Options], tuple[Patch, Values]]


class Place:
    """A CT and the liver that its lesions are looked for in."""

    def __init__(self, volume: Volume, reference: NDArray[np.uint8]) -> None:
        self.frame, self._liver = ClickFrame(volume), volume.axial.of(reference) > 0
        self._kept: dict[Patch, tuple[Values, NDArray[np.bool_]]] = {}

    @cached_property
    def _slabs(self) -> tuple[Slab, Slab]:
        positions = np.arange(len(self.frame.view)) * self.frame.spacing[0]
        pixel = self.frame.spacing[1:]
        tensors = (np.ascontiguousarray(each) for each in (self.frame.view, self._liver))
        seen, liver = (Slab(torch.from_numpy(each), positions, (0.0, 0.0), pixel) for each in tensors)
        return seen, liver

    def at(self, patch: Patch) -> tuple[Values, NDArray[np.bool_]]:
        """HU of a patch, and where a lesion may be."""
        if patch not in self._kept:
            seen, liver = (cut(slab, patch).numpy() for slab in self._slabs)
            far = ndimage.distance_transform_edt(liver <= 0.5, sampling=patch.step_mm)
            self._kept[patch] = seen, far <= GROWN_MM
        return self._kept[patch]


def random_walker(place: Place, inside: Sequence[Point], outside: Sequence[Point], options: Options) -> Any:
    """Seeds are balls of 2 mm about clicks, and a shell about the first: of three, the one with the sharpest edge."""
    from skimage.segmentation import random_walker as walk

    clicks, others = place.frame.of(inside), place.frame.of(outside)
    best: tuple[float, Patch, Values] | None = None
    for shell in SHELLS_MM:
        side = REACH * shell
        patch = Patch(clicks[0], WALKED, (side / WALKED[0], side / WALKED[1], side / WALKED[2]))
        seen, allowed = place.at(patch)
        seeds = np.zeros(WALKED, np.int32)
        seeds[_distance(patch, clicks[0]) > shell] = 2
        for points, label in ((clicks, 1), (others, 2)):
            for point in points:
                seeds[_distance(patch, point) <= max(2.0, max(patch.step_mm))] = label
        seeds[~allowed & (seeds == 0)] = 2
        scaled = (seen.clip(-40, 160) + 40) / 200
        likely = walk(scaled, seeds, beta=options["beta"], mode="cg_j", return_full_prob=True, spacing=patch.step_mm)[0]
        sharp = _edge(scaled, likely > 0.5)
        if best is None or sharp > best[0]:
            best = sharp, patch, ((likely - 0.5) * 2 * CERTAIN).astype(np.float32)
    assert best is not None
    return best[1:]


def confidence_connected(place: Place, inside: Sequence[Point], outside: Sequence[Point], options: Options) -> Any:
    """Grow from the clicks inside; those outside only take their own place away."""
    del outside
    clicks = place.frame.of(inside)
    patch = Patch(clicks[0], SIZE, tuple(step * options["zoom"] for step in STEP_MM))
    seen, allowed = place.at(patch)
    image = sitk.CurvatureFlow(sitk.GetImageFromArray(seen.astype(np.float32)), 0.0625, 5)
    seeds = [[round(min(max(at, 0), n - 1)) for at, n in zip(patch.place(each), SIZE, strict=True)] for each in clicks]
    grown = sitk.ConfidenceConnected(
        image,
        seedList=[seed[::-1] for seed in seeds],
        numberOfIterations=options["iterations"],
        multiplier=options["multiplier"],
        initialNeighborhoodRadius=options["radius"],
        replaceValue=1,
    )
    closed = sitk.BinaryFillhole(sitk.BinaryMorphologicalOpening(grown, [1, 1, 1]))
    found = (sitk.GetArrayFromImage(closed) > 0) & allowed
    return patch, np.where(found, CERTAIN, -CERTAIN).astype(np.float32)


METHODS: dict[str, tuple[Method, list[Options]]] = {
    "confidence connected": (
        confidence_connected,
        [
            {"zoom": zoom, "multiplier": multiplier, "iterations": iterations, "radius": radius}
            for zoom, multiplier, iterations, radius in product((1, 2), (1.0, 1.5, 2.0, 2.5), (1, 3), (1, 2))
        ],
    ),
    "random walker": (random_walker, [{"beta": beta} for beta in (130, 500, 2000)]),
}


def _distance(patch: Patch, point: Millimetres) -> Values:
    """Millimetres from a point to each voxel of a patch."""
    axes = [
        ((np.arange(n) - at) * step) ** 2
        for n, at, step in zip(patch.size, patch.place(point), patch.step_mm, strict=True)
    ]
    return np.sqrt(axes[0][:, None, None] + axes[1][:, None] + axes[2]).astype(np.float32)


def _edge(image: Values, found: NDArray[np.bool_]) -> float:
    """How much brighter or darker the two sides of an outline are, in their own spread."""
    within = found & ~ndimage.binary_erosion(found)
    beyond = ndimage.binary_dilation(found) & ~found
    if not within.any() or not beyond.any():
        return 0.0
    one, other = image[within], image[beyond]
    return abs(float(one.mean() - other.mean())) / (float(one.std() + other.std()) + 0.01)


class Patient(NamedTuple):
    """A patient to click into."""

    name: str
    volume: Volume
    reference: NDArray[np.uint8]

    def click(
        self, place: Place, method: Method, options: Options, scatter: float = 0.0, clicks: int = CLICKS
    ) -> list[LesionClicks]:
        """Every lesion by the clicks that ``livertumorseg compare`` begins with."""
        frame, found = place.frame, []

        def find(inside: Sequence[Point], outside: Sequence[Point], before: Any) -> NDArray[np.bool_]:
            del before
            patch, values = method(place, inside, outside, options)
            answer = Answer(patch, values, 0.0)
            lesion, _ = on_grid(frame, answer, frame.of(inside), frame.of(outside))
            whole = np.zeros(frame.view.shape, bool)
            whole[lesion.box] = lesion.values
            return whole

        for number, mask in enumerate(lesions_of(self.volume.axial.of(self.reference))):
            random = np.random.default_rng([number, round(scatter * 1000)])
            answers, seconds = click_through(find, mask, frame.point, frame.spacing, scatter, random, clicks)
            found.append(
                LesionClicks(
                    diameter_mm=ball_diameter_mm(float(mask.sum()) * self.volume.voxel_ml * 1000),
                    scatter_mm=scatter,
                    dice=tuple(dice(each, mask) or 0.0 for each in answers),
                    seconds=seconds,
                )
            )
        return found

    def automatic(self, folder: Path) -> list[LesionClicks]:
        """Every lesion as the automatic model marks it at the first click, or within 5 mm; nothing elsewhere."""
        labels = volumes.read_stored(folder / "predictions" / f"{self.name}.nii.gz").values
        frame = ClickFrame(self.volume)
        parts, _ = ndimage.label(self.volume.axial.of(labels) == 2)
        found = []
        for mask in lesions_of(self.volume.axial.of(self.reference)):
            depth = depths(mask, frame.spacing)
            click = np.unravel_index(int(depth.argmax()), depth.shape)
            reach = [int(NEAR_MM / mm) for mm in frame.spacing]
            near = tuple(slice(max(0, int(at) - r), int(at) + r + 1) for at, r in zip(click, reach, strict=True))
            at_click = int(parts[click])
            number = at_click or int(np.bincount(parts[near].ravel(), minlength=2)[1:].argmax()) + 1
            same = parts == number if at_click or (parts[near] == number).any() else np.zeros_like(mask)
            size = ball_diameter_mm(float(mask.sum()) * self.volume.voxel_ml * 1000)
            score = dice(same, mask) or 0.0
            found.append(LesionClicks(diameter_mm=size, scatter_mm=0.0, dice=(score,) * CLICKS, seconds=0.0))
        return found


def best_options(tried: dict[str, list[float]], folds: Sequence[Sequence[str]], held_out: int, count: int) -> int:
    """Number of the options with the best mean over the lesions of the other folds' patients."""
    others = [name for at, fold in enumerate(folds) if at != held_out for name in fold if name in tried]
    means = [fmean(tried[name][at] for name in others if tried[name]) for at in range(count)]
    return int(np.argmax(means))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--recipe", default="lesion-click")
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--patients", nargs="*")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    recipe, folds = load_recipe(given.recipe), json.loads(given.split.read_text())["folds"]
    patients = []
    for name in (name for fold in folds for name in fold):
        if given.patients and name not in given.patients:
            continue
        source = sources.source_of(recipe.data, given.data, name)
        volume, reference = sources.read(source, given.data, name)
        if (reference == 2).any():
            patients.append(Patient(name, volume, reference))
    results: dict[str, Any] = {"command": " ".join(["python", *sys.argv]), "methods": {}}
    if given.held_out:
        clicked = {each.name: each.automatic(given.held_out) for each in patients}
        results["methods"]["automatic model"] = _report("automatic model", clicked, {})
    for title, (method, choices) in METHODS.items():
        tried = {}
        for each in patients:
            place = Place(each.volume, each.reference)
            scores = [[lesion.dice[0] for lesion in each.click(place, method, one, clicks=1)] for one in choices]
            tried[each.name] = [fmean(one) if one else 0.0 for one in scores]
            print(title, each.name, [round(score, 2) for score in tried[each.name]], flush=True)
        chosen = [choices[best_options(tried, folds, at, len(choices))] for at in range(len(folds))]
        clicked = {}
        for each in patients:
            options = chosen[next(at for at, fold in enumerate(folds) if each.name in fold)]
            place = Place(each.volume, each.reference)
            clicked[each.name] = [one for scatter in SCATTERS_MM for one in each.click(place, method, options, scatter)]
        results["methods"][title] = _report(title, clicked, {"chosen": chosen, "tried": tried})
        given.output.write_text(json.dumps(results, indent=1))
    given.output.write_text(json.dumps(results, indent=1))


def _report(title: str, clicked: dict[str, list[LesionClicks]], more: Options) -> dict[str, Any]:
    figures = summarise_clicks(clicked)
    print(f"\n{title} {more.get('chosen', '')}\n| {' | '.join(HEAD)} |")
    for row in click_rows(figures):
        print(f"| {' | '.join(row)} |", flush=True)
    patients = {name: [each.model_dump() for each in lesions] for name, lesions in clicked.items()}
    return {"figures": figures, "patients": patients, **more}


if __name__ == "__main__":
    main()
