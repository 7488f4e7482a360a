"""``livertumorseg data``."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..progress import job
from .console import USER_ERROR, Overwrite, bar, complain, interruptible, out, plain, say, warn

if TYPE_CHECKING:
    from ..datasets.check import Check, ScanReport, SetReport
    from ..datasets.splits import Round, Split
    from ..datasets.twins import Twins

app = typer.Typer(no_args_is_help=True, help="Check data sets and split their patients.")

Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", readable=False, help="LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures."),
]
Processes = Annotated[int | None, typer.Option(min=1, help="Scans at once; the machine's cores if left out.")]

_LISTED = 8
_TWINS = {
    "same content": "One patient and CT",
    "different content": "One number, but different CTs",
    "same content under other names": "One CT under different numbers",
    "not compared": "One number, with CTs that could not be compared,",
}


@app.command("check")
def check_data(
    folders: Folders,
    processes: Processes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Look at every scan: pairs, shapes, geometry, labels, damage, and patients that occur more than once."""
    found = _checked(folders, processes)
    if as_json:
        print(json.dumps(found.to_dict(), indent=2))  # noqa: T201
    else:
        for report in found.sets:
            _print_set(report)
    _print_doubts(found)
    if found.failed:
        raise typer.Exit(USER_ERROR)


@app.command("split")
def split_data(
    folders: Folders,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")],
    folds: Annotated[int | None, typer.Option(min=2, help="Folds for cross-validation.")] = None,
    validation: Annotated[float | None, typer.Option(help="Share of the patients to validate on.")] = None,
    test: Annotated[float, typer.Option(help="Share of the patients to test on, with --validation.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Decides among equals.")] = 0,
    processes: Processes = None,
    overwrite: Overwrite = False,
) -> None:
    """Split patients by tumour load; who is in several data sets, or twice in one, stays on one side."""
    from ..datasets import splits
    from ..whole_files import refuse_existing, refuse_unwritable

    splits.check_choice(folds, validation, test)
    refuse_existing(output, overwrite=overwrite)
    refuse_unwritable(output)
    found = _checked(folders, processes)
    loads = found.loads
    split = splits.draw(loads, folds=folds, validation=validation, test=test, seed=seed, groups=found.persons)
    split.save(output, overwrite=overwrite)
    _print_split(split, loads)
    _print_doubts(found)
    say(f"Wrote {output}.")
    if found.failed:
        warn(f"Scans that cannot be read are in no part of {output}: mend them, and split again.")
        raise typer.Exit(USER_ERROR)


def _checked(folders: list[Path], processes: int | None) -> Check:
    from ..datasets import layouts
    from ..datasets.check import check

    found = [layouts.find(folder) for folder in folders]
    with interruptible() as cancel, bar() as progress:
        return check(found, processes=processes or os.cpu_count() or 1, job=job(progress, cancel))


def _print_set(report: SetReport) -> None:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for title in ("scan", "voxels", "mm", "axes", "liver ml", "lesion ml", "lesions", "doubts"):
        table.add_column(title, overflow="fold")
    for scan in report.scans:
        table.add_row(*plain(*_row(scan)))
    out.print(table)
    layout, with_lesions = report.layout, sum(scan.lesions > 0 for scan in report.scans)
    say(
        f"{layout.folder} is {layout.title}: {len(report.scans)} scans read, {with_lesions} with lesions, "
        f"{len(report.failed)} not readable, {len(layout.left_out)} left out."
    )


def _row(scan: ScanReport) -> tuple[str, ...]:
    size, spacing = "×".join(map(str, scan.size)), "×".join(f"{mm:.2f}" for mm in scan.spacing_mm)
    found = f"{scan.liver_ml:.0f}", f"{scan.lesion_ml:.1f}", str(scan.lesions)
    return scan.name, size, spacing, scan.orientation, *found, str(len(scan.warnings) or "")


def _print_doubts(found: Check) -> None:
    for report in found.sets:
        for entry in report.layout.left_out:
            warn(f"{entry.name} was left out: {entry.reason}.")
        scans: defaultdict[str, list[str]] = defaultdict(list)
        for scan in report.scans:
            for sentence in scan.warnings:
                scans[sentence].append(scan.name)
        for sentence, names in scans.items():
            warn(f"{_listed(names)}: {sentence}")
        for name, sentence in report.failed.items():
            complain(f"{name}: {sentence}")
    _print_twins(found.twins)


def _print_twins(found: Iterable[Twins]) -> None:
    places: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for pair in found:
        names = (pair.first.name, pair.second.name)
        both = names[0] if names[0] == names[1] else " = ".join(names)
        places[pair.verdict, pair.first.data, pair.second.data].append(both)
    for (verdict, first, second), listed in places.items():
        where = first if first == second else f"{first} and {second}"
        warn(f"{_TWINS[verdict]} in {where}: {_listed(listed)}.")
    if places:
        warn("Keep these on one side of a split, as livertumorseg data split does.")


def _print_split(split: Split, loads: dict[str, float]) -> None:
    table = Table("", "patients", "with lesions", "lesions, ml")
    for title, names in _parts(split):
        own = [loads[name] for name in names]
        table.add_row(title, str(len(own)), str(sum(load > 0 for load in own)), f"{sum(own):.1f}")
    out.print(table)


def _parts(split: Split) -> list[tuple[str, tuple[str, ...]]]:
    if split.folds:
        return [(f"fold {number}", names) for number, names in enumerate(split.folds)]
    only: Round = split.rounds[0]
    return [(title, names) for title, names in only._asdict().items() if names]


def _listed(names: list[str]) -> str:
    words = ", ".join(names[:_LISTED])
    return f"{words} and {len(names) - _LISTED} more" if len(names) > _LISTED else words
