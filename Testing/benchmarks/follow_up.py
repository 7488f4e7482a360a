"""How well two time points are compared, on pairs that are made of real CTs, and how long it takes.

    python Testing/benchmarks/follow_up.py --data DATA [--models COMPARISON] [--pairs N] [--json FILE]
    python Testing/benchmarks/follow_up.py --large

The first makes later scans of the CTs in the folders ``lits_wide`` and ``lits`` of slice pictures, one a patient: moved
up to 30 mm, bent by Gaussian fields, sliding at the ribs, with other noise, contrast, slices and field of view, and
with lesions that grow, shrink, merge, go or come, by fixed seeds. With the true segmentations it prints the error
of registration at points in the liver, the share of lesions whose partners are all found and none else, and of classes
that are right, by lesion with 95 % intervals (Wilson), against a rigid registration alone and the nearest centroid
after a shift. No real pairs are at hand: what this says of real ones is not known.

With ``--models``, a folder of ``livertumorseg compare``, both scans of each patient are segmented as well, by the model
of the fold that never saw the patient, and a second table says what becomes of links, of lesions without a partner and
of changes. The later scans' lesions are made and of even density: it does not say how well real ones are found.

The second times one pair of 512 x 512 x 200 and its peak memory.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from scipy.optimize import linear_sum_assignment
from support import segmented_pairs
from support.made_follow_ups import MadePair, interval, made_pairs, make_pair, registration_errors

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.follow_up.comparison import compare_scans
from LiverTumorSegLib.follow_up.liver_images import prepare
from LiverTumorSegLib.follow_up.matching import Link, match
from LiverTumorSegLib.follow_up.placing import place_lesions
from LiverTumorSegLib.follow_up.registration import register

AIM_MM, AIM_LINKED, AIM_CLASSES, AIM_SECONDS = 3.0, 0.95, 0.95, 60
NEAREST_MM = 25.0
LARGE = (200, 512, 512), (1.5, 0.75, 0.75)
WAYS = "this", "rigid alone", "nearest centroid"


@dataclass
class Case:
    """What came of a pair: errors in mm by way, and by way the lesions, those linked rightly, right classes, and what
    was said of each of the others."""

    name: str
    seconds: float
    stage: str
    errors: dict[str, list[float]]
    lesions: dict[str, int]
    linked: dict[str, int]
    classes: dict[str, int]
    wrong: dict[str, list[str]]


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


def partners_of(pairs: set[tuple[int, int]], lesions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], set[int]]:
    """The lesions of the other scan that each lesion is."""
    found: dict[tuple[str, int], set[int]] = {lesion: set() for lesion in lesions}
    for before, after in pairs:
        found["earlier", before].add(after)
        found["later", after].add(before)
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
    errors = {"this": registration_errors(made, found.registration), "rigid alone": registration_errors(made, rigid)}
    truth = true_classes(made)
    partners = partners_of(made.linked(), truth)
    case = Case(name, seconds, found.registration.stage, errors, {}, {}, {}, {})
    for way, these in links.items():
        own = partners_of({(b, a) for link in these for b in link.earlier for a in link.later}, truth)
        case.lesions[way] = len(truth)
        wrong = {lesion: right for lesion, right in partners.items() if own[lesion] != right}
        case.linked[way] = len(truth) - len(wrong)
        case.wrong[way] = [f"{lesion}: {sorted(right)}, said {sorted(own[lesion])}" for lesion, right in wrong.items()]
        said = classes_of(these)
        case.classes[way] = sum(said[lesion] in allowed for lesion, allowed in truth.items())
    return case


def compare_pairs(data: Path, count: int, models: Path | None) -> tuple[list[Case], list[segmented_pairs.Case]]:
    cases, segmented = [], []
    for name, made in islice(made_pairs(data), count):
        case = measured(made, name)
        cases.append(case)
        said = f"{case.linked['this']} of {case.lesions['this']} lesions linked rightly"
        words = f"{name}: {case.seconds:.0f} s, {case.stage}, {np.mean(case.errors['this']):.1f} mm, {said}"
        model = models and segmented_pairs.model_of(models, name)
        by_model = segmented_pairs.compare_segmented(made, name, model) if model else None
        if by_model:
            segmented.append(by_model)
            found, true = segmented_pairs.true_links(by_model)
            words += f"; by the model {by_model.mm:.1f} mm, {found} of {true} true links"
        print(words, flush=True)
    return cases, segmented


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
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: making a pair takes more than comparing it
    before = _kilobytes("VmRSS")
    began = perf_counter()
    found = compare_scans(pair.earlier, pair.later)
    seconds = perf_counter() - began
    memory = (
        f"peak {_kilobytes('VmHWM') / 1e6:.2f} GB, {before / 1e6:.2f} before, both scans and the pair's truth with it"
    )
    print(f"512 x 512 x 200, {found.registration.stage}: {seconds:.1f} s; {memory}")
    return seconds <= AIM_SECONDS


def _kilobytes(name: str) -> int:
    """A line of the process' memory, of Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--models", type=Path, help="a folder of `livertumorseg compare`")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="where every case's figures go")
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    met = True
    if args.data:
        cases, segmented = compare_pairs(args.data, args.pairs, args.models)
        met = summary(cases)
        if segmented:
            segmented_pairs.print_table(segmented)
        if args.json:
            found = {"reference": cases, "model": segmented}
            args.json.write_text(json.dumps({key: [asdict(case) for case in each] for key, each in found.items()}))
    if args.large:
        met = large() and met
    sys.exit(not met)


if __name__ == "__main__":
    main()
