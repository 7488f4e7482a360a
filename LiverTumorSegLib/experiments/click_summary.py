"""Figures of lesions segmented by clicks, by size, by lesion and by patient, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from ..datasets.splits import patient_of
from ..evaluation import statistics
from .click_measures import GOOD, SCATTERS_MM, LesionClicks

Clicked = Mapping[str, Sequence[LesionClicks]]
"""Lesions by the name of their patient."""

Figures = dict[str, dict[str, dict[str, Any]]]
"""By turn of the reader and by group of lesions, see :func:`summarise_clicks`."""

COUNTS = (1, 2, 3, 5)
_SMALL_MM, _LARGE_MM = 10.0, 20.0
_FAILED = 0.5

GROUPS: dict[str, Callable[[LesionClicks], bool]] = {
    "under 10 mm": lambda lesion: lesion.diameter_mm < _SMALL_MM,
    "from 10 mm": lambda lesion: lesion.diameter_mm >= _SMALL_MM,
    "10 to 20 mm": lambda lesion: _SMALL_MM <= lesion.diameter_mm < _LARGE_MM,
    "from 20 mm": lambda lesion: lesion.diameter_mm >= _LARGE_MM,
    "all lesions": lambda lesion: True,  # noqa: ARG005
}
"""Lesions by the diameter of the ball of their volume; 10 mm are 0.52 ml."""

PATIENTS = "by patient"

MEANING = (
    (
        "A simulated reader clicks into the deepest place of each lesion of patients whom the model never saw, then "
        "where the answer is most wrong, inside or outside; parts of less than five voxels are left out."
    ),
    (
        "Diameter: of the ball of the lesion's volume. 95 % intervals: bootstrap over patients. “By patient”: mean of "
        "each patient's mean. Scattered: every click misses by so many millimetres, a standard deviation over all axes."
    ),
    "The liver's median is that of the reference's liver, as a good automatic segmentation gives it.",
)


def summarise_clicks(patients: Clicked) -> Figures:
    """Means with intervals of each turn and group.

    Args:
        patients: lesions by the patient's name; two scans of one patient count as one patient.

    Returns:
        By turn (``exact``, ``scattered by 3 mm``, ..., ``exact, with automatic probabilities``) and group of
        :data:`GROUPS` or ``by patient``: of ``dice_1``, ``dice_2``, ``dice_3``, ``dice_5``, ``good`` (share that
        reaches a Dice of 0.8 within five clicks) and ``failed`` (share with less than 0.5 after the first) what
        :func:`LiverTumorSegLib.evaluation.statistics.summarise` says; ``count`` of lesions; ``needed``, clicks to 0.8
        where it is reached, None where it never is. Groups without lesions are left out.
    """
    turns = {_turn(scatter, shown): (scatter, shown) for shown in (False, True) for scatter in SCATTERS_MM}
    found: Figures = {}
    for name, turn in turns.items():
        chosen = {
            patient: [each for each in lesions if (each.scatter_mm, each.automatic) == turn]
            for patient, lesions in patients.items()
        }
        groups = {group: _figures(_only(chosen, inside)) for group, inside in GROUPS.items()}
        groups[PATIENTS] = _by_patient(chosen)
        if any(groups.values()):
            found[name] = {group: figures for group, figures in groups.items() if figures}
    return found


def _turn(scatter_mm: float, shown: bool) -> str:
    exact = f"scattered by {scatter_mm:g} mm" if scatter_mm else "exact"
    return f"{exact}, with automatic probabilities" if shown else exact


def _only(patients: Clicked, inside: Callable[[LesionClicks], bool]) -> Clicked:
    return {name: [each for each in lesions if inside(each)] for name, lesions in patients.items()}


_MEASURES: dict[str, Callable[[LesionClicks], float]] = {
    **{f"dice_{count}": lambda lesion, at=count - 1: lesion.dice[at] for count in COUNTS},  # type: ignore[misc]
    "good": lambda lesion: float(lesion.needed is not None),
    "failed": lambda lesion: float(lesion.dice[0] < _FAILED),
}


def _figures(patients: Clicked) -> dict[str, Any]:
    named = {f"{name} {at}": each for name, lesions in patients.items() for at, each in enumerate(lesions)}
    if not named:
        return {}
    persons = {f"{name} {at}": patient_of(name) for name, lesions in patients.items() for at in range(len(lesions))}
    needed = [each.needed for each in named.values() if each.needed is not None]
    return {
        "count": len(named),
        "needed": fmean(needed) if needed else None,
        **{
            key: statistics.summarise({name: of(each) for name, each in named.items()}, persons)
            for key, of in _MEASURES.items()
        },
    }


def _by_patient(patients: Clicked) -> dict[str, Any]:
    persons: dict[str, list[LesionClicks]] = {}
    for name, lesions in patients.items():
        persons.setdefault(patient_of(name), []).extend(lesions)
    own = {name: lesions for name, lesions in persons.items() if lesions}
    if not own:
        return {}
    return {
        "count": len(own),
        "needed": None,
        **{
            key: statistics.summarise(
                {name: fmean(of(each) for each in lesions) for name, lesions in own.items()},
                {name: name for name in own},
            )
            for key, of in _MEASURES.items()
        },
    }


HEAD = (
    "clicks",
    "lesions",
    "number",
    *(f"Dice, {count} click{'s' * (count > 1)}" for count in COUNTS),
    f"reach {GOOD}",
    f"clicks to {GOOD}",
    f"under {_FAILED} after one",
)
_WITH_INTERVAL = ("dice_1", "dice_3")


def click_rows(figures: Figures) -> list[tuple[str, ...]]:
    """A row a turn and group, in words; :data:`HEAD` names the cells."""
    return [_row(turn, group, each) for turn, groups in figures.items() for group, each in groups.items()]


def _row(turn: str, group: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    dice = (_cell(figures[key], key in _WITH_INTERVAL) for key in (f"dice_{count}" for count in COUNTS))
    needed = "-" if figures["needed"] is None else f"{figures['needed']:.1f}"
    shares = [f"{100 * figures[key]['mean']:.0f} %" for key in ("good", "failed")]
    return turn, group, str(figures["count"]), *dice, shares[0], needed, shares[1]


def _cell(figure: Mapping[str, Any], interval: bool) -> str:
    known = interval and figure["low"] is not None
    return f"{figure['mean']:.2f}" + (f" ({figure['low']:.2f}–{figure['high']:.2f})" if known else "")


def click_markdown(name: str, figures: Figures) -> str:
    """A heading, the table, and what its figures mean."""
    lines = [HEAD, ("---",) * len(HEAD), *click_rows(figures)]
    table = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([f"## {name}: lesions by clicks", "", *table, "", *MEANING, ""])
