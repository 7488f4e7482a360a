"""How well two time points are compared, on pairs that are made of real CTs, and how long it takes.

    python Testing/benchmarks/follow_up.py --data DATA [--pairs N] [--json FILE]
    python Testing/benchmarks/follow_up.py --large

The first makes later scans of the CTs in the folders ``lits_wide`` and ``lits`` of slice pictures, one a patient: moved
up to 30 mm, bent by Gaussian fields, sliding at the ribs, with other noise, contrast, slices and field of view, and
with lesions that grow, shrink, merge, go or come, by fixed seeds. With the true segmentations it prints the error
of registration at points in the liver, the share of lesions linked rightly and of classes that are right, by lesion
with 95 % intervals (Wilson), against a rigid registration alone and the nearest centroid after a shift. No real pairs
are at hand: what this says of real ones is not known.

The second times one pair of 512 x 512 x 200 and its peak memory.
"""

import argparse
import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from scipy.optimize import linear_sum_assignment
from support.made_follow_ups import MadePair, make_pair

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import phantom, slices
from LiverTumorSegLib.follow_up.comparison import compare_scans
from LiverTumorSegLib.follow_up.liver_images import prepare
from LiverTumorSegLib.follow_up.matching import Link, match
from LiverTumorSegLib.follow_up.placing import place_lesions
from LiverTumorSegLib.follow_up.registration import register

AIM_MM, AIM_LINKED, AIM_CLASSES, AIM_SECONDS = 3.0, 0.95, 0.95, 60
POINTS, NEAREST_MM, Z = 400, 25.0, 1.96
LPS = np.array([-1.0, -1.0, 1.0])
ROOM_MM = 40.0
SOURCES = (
    slices.SliceSource(folder="lits_wide", intensities=(-160, 240)),
    slices.SliceSource(
        folder="lits",
        intensities=(-40, 160),
        default_spacing_mm=0.75,
        default_slice_mm=1.6,
        true_spacings="spacing_3dircadb.csv",
    ),
)
LARGE = (200, 512, 512), (1.5, 0.75, 0.75)
WAYS = "this", "rigid alone", "nearest centroid"


@dataclass
class Case:
    """What came of a pair: errors in mm by way, and by way the lesions, those linked rightly, and right classes."""

    name: str
    seconds: float
    stage: str
    errors: dict[str, list[float]]
    lesions: dict[str, int]
    linked: dict[str, int]
    classes: dict[str, int]


def classes_of(links: tuple[Link, ...]) -> dict[tuple[str, int], str]:
    """The relation of each lesion of either scan."""
    found = {("earlier", n): link.relation for link in links for n in link.earlier}
    return found | {("later", n): link.relation for link in links for n in link.later}


def true_classes(made: MadePair) -> dict[tuple[str, int], set[str]]:
    """What may rightly be said of each lesion."""
    found: dict[tuple[str, int], set[str]] = {}
    for before, after in made.truth():
        if not before:
            said = {"new"}
        elif not after:
            (number,) = before
            said = {"gone", "not covered"} if made.fates.get(number, "gone") == "gone" else {"not covered", "gone"}
        else:
            said = {{(1, 1): "one"}.get((len(before), len(after)), "")} - {""}
            said |= {"merged"} if len(before) > 1 and len(after) == 1 else set()
            said |= {"split"} if len(before) == 1 and len(after) > 1 else set()
            said |= {"unclear"} if len(before) > 1 and len(after) > 1 else set()
        found |= {("earlier", n): said for n in before} | {("later", n): said for n in after}
    return found


def nearest(made: MadePair) -> tuple[Link, ...]:
    """One to one by the least sum of distances between centres, after the livers' centres were brought together."""
    shift = _centre(made.later) - _centre(made.earlier)
    before = np.array([one.centroid_mm for one in made.earlier.table.lesions]).reshape(-1, 3) + shift
    after = np.array([one.centroid_mm for one in made.later.table.lesions]).reshape(-1, 3)
    costs = np.linalg.norm(before[:, None] - after[None], axis=-1)
    rows, columns = linear_sum_assignment(np.where(costs < NEAREST_MM, costs, 1e6)) if costs.size else ([], [])
    pairs = [(int(r) + 1, int(c) + 1) for r, c in zip(rows, columns, strict=True) if costs[r, c] < NEAREST_MM]
    links = [Link((r,), (c,), "one", "check") for r, c in pairs]
    links += [Link((n,), (), "gone", "check") for n in range(1, len(before) + 1) if n not in {r for r, _ in pairs}]
    links += [Link((), (n,), "new", "check") for n in range(1, len(after) + 1) if n not in {c for _, c in pairs}]
    return tuple(links)


def _centre(scan) -> np.ndarray:
    voxels = np.argwhere(scan.labels > 0)[:, ::-1].mean(axis=0)
    return scan.volume.affine[:3, :3] @ voxels + scan.volume.affine[:3, 3]


def measured(made: MadePair, name: str) -> Case:
    began = perf_counter()
    found = compare_scans(made.earlier, made.later)
    seconds = perf_counter() - began
    images = [prepare(scan.volume, scan.labels) for scan in (made.earlier, made.later)]
    rigid = register(*images, until="rigid")
    links = {
        "this": found.links,
        "rigid alone": match(place_lesions(made.earlier, made.later, rigid)),
        "nearest centroid": nearest(made),
    }
    errors = {"this": errors_of(made, found.registration), "rigid alone": errors_of(made, rigid)}
    truth, groups = true_classes(made), made.truth()
    case = Case(name, seconds, found.registration.stage, errors, {}, {}, {})
    for way, these in links.items():
        own = {(frozenset(link.earlier), frozenset(link.later)) for link in these}
        sizes = [(len(before) + len(after), (before, after) in own) for before, after in groups]
        said = classes_of(these)
        case.lesions[way] = sum(size for size, _ in sizes)
        case.linked[way] = sum(size for size, right in sizes if right)
        case.classes[way] = sum(said[lesion] in allowed for lesion, allowed in truth.items())
    return case


def errors_of(made: MadePair, registration) -> list[float]:
    """Millimetres at points of the later liver."""
    voxels = np.argwhere(made.later.labels > 0)
    chosen = voxels[np.random.default_rng(0).choice(len(voxels), min(POINTS, len(voxels)), replace=False)][:, ::-1]
    affine = made.later.volume.affine
    points = chosen @ affine[:3, :3].T + affine[:3, 3]
    truth = np.array([made.field.TransformPoint(point.tolist()) for point in points * LPS]) * LPS
    return np.linalg.norm(registration.to_earlier(points) - truth, axis=1).tolist()


def interval(right: int, count: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not count:
        return "-"
    share, square = right / count, Z**2 / count
    middle = (share + square / 2) / (1 + square)
    half = Z * (share * (1 - share) / count + square / (4 * count)) ** 0.5 / (1 + square)
    return f"{share:.3f} ({middle - half:.3f} to {middle + half:.3f}, n = {count})"


def pairs_of(data: Path, count: int) -> list[Case]:
    cases: list[Case] = []
    wide = set(slices.patient_names(SOURCES[0], data))
    for source, left_out in ((SOURCES[0], set()), (SOURCES[1], wide)):
        for name in sorted(
            set(slices.patient_names(source, data)) - left_out, key=lambda name: int(name.split("-")[1])
        ):
            volume, labels = padded(*slices.read_volume(source, data, name))
            if len(cases) == count or not (labels == 1).any():
                continue
            made = make_pair(name, volume, labels, seed=int(name.split("-")[1]))
            cases.append(measured(made, name))
            last = cases[-1]
            said = f"{last.linked['this']} of {last.lesions['this']} lesions linked rightly"
            print(
                f"{name}: {last.seconds:.0f} s, {last.stage}, {np.mean(last.errors['this']):.1f} mm, {said}", flush=True
            )
    return cases


def padded(volume: Volume, labels: np.ndarray) -> tuple[Volume, np.ndarray]:
    """The slices around the liver with their first and last repeated, so that it has room to move."""
    more = int(np.ceil(ROOM_MM / volume.spacing[0]))
    around = ((more, more), (0, 0), (0, 0))
    affine = volume.affine.copy()
    affine[:3, 3] -= more * affine[:3, 2]
    return Volume(np.pad(volume.voxels, around, mode="edge"), affine), np.pad(labels, around)


def summary(cases: list[Case]) -> bool:
    """Print the table; returns whether all aims are met."""
    print(f"\n{len(cases)} pairs\n{'':20s}{'mm, median (p95; worst patient)':>34s}  linked rightly, classes right")
    medians = {}
    for way in WAYS:
        errors = [case.errors.get(way, []) for case in cases]
        every = np.concatenate([np.array(each) for each in errors])
        words = "-"
        if every.size:
            medians[way] = float(np.median(every))
            worst = max(float(np.mean(each)) for each in errors)
            words = f"{medians[way]:.2f} ({np.percentile(every, 95):.2f}; {worst:.2f})"
        count = sum(case.lesions[way] for case in cases)
        linked, right = (sum(getattr(case, name)[way] for case in cases) for name in ("linked", "classes"))
        print(f"{way:20s}{words:>34s}  {interval(linked, count)}, {interval(right, count)}")
    count = sum(case.lesions["this"] for case in cases)
    linked, right = (
        sum(getattr(case, name)["this"] for case in cases) / max(1, count) for name in ("linked", "classes")
    )
    met = medians["this"] < AIM_MM and linked >= AIM_LINKED and right >= AIM_CLASSES
    print(f"Aims (under {AIM_MM:g} mm, {AIM_LINKED:.0%}, {AIM_CLASSES:.0%}): {'met' if met else 'missed'}")
    return met


def large() -> bool:
    made = phantom.create(*LARGE, seed=1, lesions=8)
    pair = make_pair("phantom", made.volume, made.labels, seed=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = perf_counter()
    found = compare_scans(pair.earlier, pair.later)
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory = f"peak {peak / 1e6:.2f} GB, {before / 1e6:.2f} before"
    print(f"512 x 512 x 200, {found.registration.stage}: {seconds:.1f} s; {memory}")
    return seconds <= AIM_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="where every case's figures go")
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    met = True
    if args.data:
        cases = pairs_of(args.data, args.pairs)
        met = summary(cases)
        if args.json:
            args.json.write_text(json.dumps([asdict(case) for case in cases]))
    if args.large:
        met = large() and met
    sys.exit(not met)


if __name__ == "__main__":
    main()
