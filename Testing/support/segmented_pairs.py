"""What becomes of a comparison of two time points when a model, and not a reader, has segmented both.

A lesion of the model is the reference lesion of its scan that it shares most voxels with, and a false one where it
shares none.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.comparison import Comparison, compare_scans
from LiverTumorSegLib.follow_up.scan import Scan
from LiverTumorSegLib.pipeline import segment
from support.made_follow_ups import MadePair, interval, registration_errors

LARGE_MM = 10.0


@dataclass
class Counts:
    """Of lesions, or of links between them: drawn, those of them that are right, true ones, those of them drawn."""

    drawn: int = 0
    right: int = 0
    true: int = 0
    found: int = 0

    def add(self, drawn: set, true: set, allowed: set | None = None) -> None:
        allowed = true if allowed is None else allowed
        self.drawn, self.right = self.drawn + len(drawn), self.right + len(drawn & allowed)
        self.true, self.found = self.true + len(true), self.found + len(drawn & true)


@dataclass
class Case:
    """What came of a pair.

    Args:
        name: of the patient.
        mm: mean error of registration in the reference's liver.
        liver_dice: of the earlier scan and of the later one.
        links: between lesions that are real, by size.
        reachable: the same against the true links between lesions that the model marked in both scans.
        new, gone: real lesions without a partner.
        false_links: links between lesions of which one or both are false.
        false_lonely: false lesions said to be new or not found any more.
        changes: of lesions that are one in both: percent of the volume and mm of the diameter that it is off by.
    """

    name: str
    mm: float
    liver_dice: tuple[float, float]
    links: dict[str, Counts] = field(default_factory=lambda: {"large": Counts(), "small": Counts()})
    reachable: dict[str, Counts] = field(default_factory=lambda: {"large": Counts(), "small": Counts()})
    new: Counts = field(default_factory=Counts)
    gone: Counts = field(default_factory=Counts)
    false_links: int = 0
    false_lonely: int = 0
    changes: list[tuple[float, float]] = field(default_factory=list)


def model_of(comparison: Path, patient: str) -> Path:
    """The model of the fold in which the patient was not trained on."""
    for fold in sorted(comparison.glob("trials/*/fold-*")):
        if patient in json.loads((fold / "patients.json").read_text())["patients"] and (fold / "model").is_dir():
            return fold / "model"
    msg = f"{comparison} has no model that never saw {patient}."
    raise UserError(msg)


def who(own: Scan, reference: Scan) -> dict[int, int]:
    """The reference lesion that each lesion of the model is; 0 where it is none."""
    found = {}
    for lesion in own.table.lesions:
        held = np.bincount(reference.numbers[own.numbers == lesion.number].ravel(), minlength=2)[1:]
        found[lesion.number] = int(held.argmax()) + 1 if held.any() else 0
    return found


def compare_segmented(made: MadePair, name: str, model: Path) -> Case | None:
    """Segment both scans and compare them; None where the model finds no liver."""
    try:
        scans = [
            Scan.measured(scan.name, scan.volume, segment(scan.volume, model).labels)
            for scan in (made.earlier, made.later)
        ]
    except UserError as error:
        print(f"{name}: {error}", flush=True)
        return None
    found = compare_scans(*scans)
    references = made.earlier, made.later
    dice = [_dice(own.labels > 0, truth.labels > 0) for own, truth in zip(scans, references, strict=True)]
    case = Case(name, float(np.mean(registration_errors(made, found.registration))), (dice[0], dice[1]))
    before, after = (who(own, reference) for own, reference in zip(scans, references, strict=True))
    _count_links(case, made, found, before, after)
    _count_lonely(case, made, found, before, after)
    _count_changes(case, made, found, before, after)
    return case


def _dice(own: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (own & truth).sum() / (own.sum() + truth.sum()))


def true_links(case: Case) -> tuple[int, int]:
    """How many true links were drawn, and how many there are."""
    total = _sum(list(case.links.values()))
    return total.found, total.true


def _count_links(case: Case, made: MadePair, found: Comparison, before: dict[int, int], after: dict[int, int]) -> None:
    drawn = {(before[b], after[a]) for link in found.links for b in link.earlier for a in link.later}
    case.false_links = sum(
        not (before[b] and after[a]) for link in found.links for b in link.earlier for a in link.later
    )
    true = made.pairs()
    seen = {(b, a) for b, a in true if b in before.values() and a in after.values()}
    real = {(b, a) for b, a in drawn if b and a}
    every = real, true, seen, made.linked()
    for group in ("large", "small"):
        own, theirs, both, allowed = ({pair for pair in pairs if _group(made, *pair) == group} for pairs in every)
        case.links[group].add(own, theirs, allowed)
        case.reachable[group].add(own, both)


def _group(made: MadePair, before: int, after: int) -> str:
    """By the longer of the two axial diameters in the reference."""
    earlier, later = made.earlier.table.lesions[before - 1], made.later.table.lesions[after - 1]
    return "large" if max(earlier.axial_diameter_mm, later.axial_diameter_mm) >= LARGE_MM else "small"


def _count_lonely(case: Case, made: MadePair, found: Comparison, before: dict[int, int], after: dict[int, int]) -> None:
    new = [after[n] for link in found.links if link.relation == "new" for n in link.later]
    gone = [before[n] for link in found.links if link.relation == "gone" for n in link.earlier]
    case.false_lonely = new.count(0) + gone.count(0)
    truth = made.truth()
    case.new.add({n for n in new if n}, {n for some, others in truth if not some for n in others})
    really = {n for some, others in truth if not others for n in some if made.fates.get(n, "gone") == "gone"}
    case.gone.add({n for n in gone if n}, really)


def _count_changes(
    case: Case, made: MadePair, found: Comparison, before: dict[int, int], after: dict[int, int]
) -> None:
    ones = {(min(some), min(others)) for some, others in made.truth() if len(some) == len(others) == 1}
    for change in found.changes:
        if change.link.relation != "one":
            continue
        pair = before[change.link.earlier[0]], after[change.link.later[0]]
        if pair not in ones:
            continue
        earlier, later = made.earlier.table.lesions[pair[0] - 1], made.later.table.lesions[pair[1] - 1]
        volumes = (change.ml[1] / change.ml[0]) / (later.volume_ml / earlier.volume_ml)
        true_mm = later.axial_diameter_mm - earlier.axial_diameter_mm
        mm = change.diameter_mm[1] - change.diameter_mm[0] - true_mm
        case.changes.append((100 * (volumes - 1), mm))


def _sum(counts: list[Counts]) -> Counts:
    return Counts(*(sum(getattr(one, name) for one in counts) for name in ("drawn", "right", "true", "found")))


def print_table(cases: list[Case]) -> None:
    """Links, lesions without a partner, and changes, of those said and of the true ones, with 95 % intervals."""
    errors, livers = [case.mm for case in cases], [dice for case in cases for dice in case.liver_dice]
    print(f"\n{len(cases)} pairs, segmented by models that never saw the patient")
    print(f"Registration off by {np.median(errors):.2f} mm (median of patients; worst {max(errors):.2f})")
    print(f"Dice of the liver {np.median(livers):.3f} (median of scans; worst {min(livers):.3f})")
    lines = [(f"links, {LARGE_MM:g} mm and more", [case.links["large"] for case in cases])]
    lines += [(f"links, under {LARGE_MM:g} mm", [case.links["small"] for case in cases])]
    lines += [("new", [case.new for case in cases]), ("not found any more", [case.gone for case in cases])]
    print(f"{'':24s}{'of those said, right':>36s}{'of the true ones, said':>36s}")
    for words, counts in lines:
        total = _sum(counts)
        print(f"{words:24s}{interval(total.right, total.drawn):>36s}{interval(total.found, total.true):>36s}")
    seen = _sum([one for case in cases for one in case.reachable.values()])
    print(f"Of true links between lesions that were marked in both: {interval(seen.found, seen.true)}")
    false = sum(case.false_links for case in cases), sum(case.false_lonely for case in cases)
    print(f"False lesions: {false[0]} links have one, {false[1]} are said to be new or not found any more")
    changes = np.array([each for case in cases for each in case.changes]).reshape(-1, 2)
    if len(changes):
        percent, mm = np.median(np.abs(changes), axis=0)
        high = np.percentile(np.abs(changes), 90, axis=0)
        print(
            f"Change of {len(changes)} lesions, one in both: volume off by {percent:.0f} % (90 % within {high[0]:.0f}),"
            f" diameter by {mm:.1f} mm (90 % within {high[1]:.1f})"
        )
