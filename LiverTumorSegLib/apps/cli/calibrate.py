"""Command ``livertumorseg calibrate``: how likely what a model marks is a lesion, from a cross-validation."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.progress import job
from .console import DeviceName, Overwrite, bar, command_line, interruptible, say, show, text_cells

if TYPE_CHECKING:
    from ...experiments.calibration import Calibration
    from ...experiments.held_out_files import HeldOutFiles
    from ...experiments.out_of_fold import HeldOutPatient


def calibrate(
    folds: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder that livertumorseg compare wrote for one recipe.")
    ],
    data: Annotated[Path, typer.Option(help="Folder that holds the recipe's data folders.")],
    closer: Annotated[
        Path | None,
        typer.Option(
            help="The same of a recipe that looks closer; each of its models is joined to that of its fold.",
            show_default="none",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Name or folder of the model that gets the scores, and a card.", show_default="none"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the patients' predictions, references and probabilities, as NIfTI.",
            show_default="none",
        ),
    ] = None,
    device: DeviceName = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Fit how likely a marked lesion is one, on patients of a cross-validation that the networks had not seen."""
    from ...experiments.calibration import write_into_model
    from ...experiments.compare import describe_changes_of_folds
    from ...experiments.held_out_files import held_out_folder
    from ...experiments.out_of_fold import recipes_of, segment_held_out, trials_of
    from ...experiments.run_options import RunOptions
    from ...models import model_folder, store

    target = store.find_model(model) if model else None
    described = model_folder.read_description(target) if target else None
    trials, of_closer = trials_of(folds), trials_of(closer) if closer else ()
    folder = held_out_folder(output, overwrite=overwrite) if output else nullcontext()
    with folder as files, interruptible() as cancel, bar() as progress:
        options = RunOptions(device, job=job(progress, cancel))
        done = _fit(segment_held_out(trials, data, options, of_closer), files)
    if output:
        say(f"Wrote the patients to {output}.")
    _print(done)
    if target and described:
        changes = describe_changes_of_folds(described, recipes_of(trials))
        second = described.of_closer
        if of_closer and second:
            of_second = describe_changes_of_folds(second, recipes_of(of_closer))
            changes = " ".join(filter(None, [changes, of_second and f"The second network: {of_second}"]))
        write_into_model(target, described, done, command_line(), changes)
        say(f"Wrote the scores into {target}. Research only, not a medical device.")


def _fit(patients: Iterable[HeldOutPatient], files: HeldOutFiles | None) -> Calibration:
    """Fit scores on patients whose lesions are marked one by one, and keep what is known of them in files."""
    from ...experiments.calibration import calibrate as fit
    from ...experiments.candidate_cases import case_of

    cases = []
    for patient in patients:
        if patient.lesions_apart:
            cases.append(case_of(patient))
            if files:
                files.keep(patient)
    done = fit(cases)
    if files:
        files.write(done)
    return done


def _print(done: Calibration) -> None:
    from rich.table import Table

    from ...experiments.calibration import points_rows

    head, *rows = points_rows(done)
    table = Table(*head)
    for row in rows:
        table.add_row(*text_cells(*row))
    show(table)
    say(f"{len(done.cases)} patients; Brier score {done.reliability['brier']:.3f}.")
