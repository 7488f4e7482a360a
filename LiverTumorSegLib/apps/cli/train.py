"""Commands ``livertumorseg train`` and ``livertumorseg validate``, and the recipes that they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ...core.progress import Cancelled
from .console import (
    CANCELLED,
    USER_ERROR,
    DeviceName,
    Overwrite,
    bar,
    command_line,
    err,
    interruptible,
    out,
    say,
    text_cells,
)

if TYPE_CHECKING:
    from ...training.recipe import Recipe

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value that replaces the recipe's own.", show_default="the recipe's"),
]
Cache = Annotated[
    Path | None, typer.Option(help="Folder that keeps preprocessed CTs.", show_default="the user's cache")
]


def load_recipe(name: str, changes: Sequence[str] | None) -> Recipe:
    """A recipe that ships, or a YAML file, with ``key=value`` changes.

    Raises:
        UserError: there is none, it is not valid, or what training needs is not installed.
    """
    from ...training import train as training

    parsed = training.training_module("recipe").parse_changes(list(changes or []))
    return training.load_recipe(name, parsed)


Data = Annotated[Path, typer.Option(help="Folder that holds the recipe's data folders.")]


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe that ships, or a YAML file.")],
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder to write.")],
    changes: Changes = None,
    device: DeviceName = "auto",
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training, if there is one.")
    ] = False,
    cache: Cache = None,
) -> None:
    """Train a model; its log goes into OUTPUT-log."""
    from ...training.train import check_model_folder, training_module

    fit = training_module("fit")
    from ...training.distributed import join_processes

    kept = {"device": device, "overwrite": overwrite, "resume": resume, "cache": cache}
    with interruptible() as cancel, bar() as progress, _resume_hint(output), join_processes(on_gpus=device != "cpu"):
        check_model_folder(output, overwrite=overwrite)
        plan = load_recipe(recipe, changes)
        fit.fit(plan, data, output, command=command_line(), say=say, progress=progress, cancel=cancel, **kept)


def validate(
    model: Annotated[str, typer.Argument(help="Name or folder of a model; its figures are replaced.")],
    data: Data,
    device: DeviceName = "auto",
) -> None:
    """Measure a model on its validation patients and write the figures into its card."""
    from ...models import store
    from ...models.description import PatientDice
    from ...models.model_folder import read_description
    from ...training.validate import validate as run

    def cells(case: PatientDice) -> list[str]:
        false = case.false_lesion_ml if case.lesion_dice is None and "lesion" in finds else None
        return ["-" if value is None else f"{value:.3f}" for value in (case.liver_dice, case.lesion_dice, false)]

    folder = store.find_model(model)
    finds = read_description(folder).labels
    with bar() as progress:
        figures = run(folder, data, device=device, command=command_line(), progress=progress)
    table = Table("patient", "liver Dice", "lesion Dice", "false lesions, ml")
    for name, case in figures.cases.items():
        table.add_row(*text_cells(name), *cells(case))
    out.print(table)
    say(figures.in_words)


@contextmanager
def _resume_hint(output: Path) -> Iterator[None]:
    from ...training.checkpoints import unfinished_log
    from ...training.distributed import EndedElsewhere

    try:
        yield
    except EndedElsewhere as error:
        raise typer.Exit(CANCELLED if error.cancelled else USER_ERROR) from None
    except Cancelled:
        log = unfinished_log(output)
        going_on = f"{log} has checkpoints: the same recipe goes on from the newest with --resume"
        sentence = going_on if log else "there is no checkpoint to go on from"
        err.print(f"Cancelled; no model was written, and {sentence}.", soft_wrap=True, highlight=False, markup=False)
        raise typer.Exit(CANCELLED) from None
