"""``livertumorseg train`` and ``livertumorseg validate``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.table import Table

from ..errors import UserError
from ..progress import Cancelled
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
    plain,
    say,
)
from .recipes import Cache, Changes, load_recipe

Data = Annotated[Path, typer.Option(help="Folder that holds the recipe's data folders.")]


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe that ships, or a YAML file.")],
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder to write.")],
    changes: Changes = None,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted training left off.")] = False,
    cache: Cache = None,
) -> None:
    """Train a model; its log goes into OUTPUT-log."""
    from ..model import DESCRIPTION, FILES
    from ..whole_files import refuse_folder, refuse_unwritable

    fit = _training()
    from ..training.group import joined

    kept = {"overwrite": overwrite, "resume": resume, "cache": cache}
    with interruptible() as cancel, bar() as progress, _how_to_go_on(output), joined():
        refuse_folder(output, overwrite=overwrite, holds=FILES)
        refuse_unwritable(output / DESCRIPTION)
        plan = load_recipe(recipe, changes)
        fit.fit(plan, data, output, command=command_line(), say=say, progress=progress, cancel=cancel, **kept)


def validate(
    model: Annotated[str, typer.Argument(help="Name or folder of a model; its figures are replaced.")],
    data: Data,
    device: DeviceName = "auto",
) -> None:
    """Measure a model on its validation patients and write the figures into its card."""
    from .. import model_store
    from ..description import Case
    from ..model import describe
    from ..training.validate import validate as run

    def cells(case: Case) -> list[str]:
        false = case.false_lesion_ml if case.lesion_dice is None and "lesion" in finds else None
        return ["-" if value is None else f"{value:.3f}" for value in (case.liver_dice, case.lesion_dice, false)]

    folder = model_store.find(model)
    finds = describe(folder).labels
    with bar() as progress:
        figures = run(folder, data, device=device, command=command_line(), progress=progress)
    table = Table("patient", "liver Dice", "lesion Dice", "false lesions, ml")
    for name, case in figures.cases.items():
        table.add_row(*plain(name), *cells(case))
    out.print(table)
    say(figures.in_words)


@contextmanager
def _how_to_go_on(output: Path) -> Iterator[None]:
    from ..training.group import EndedElsewhere
    from ..training.log_folder import unfinished

    try:
        yield
    except EndedElsewhere as error:
        raise typer.Exit(CANCELLED if error.cancelled else USER_ERROR) from None
    except Cancelled:
        log = unfinished(output)
        going_on = f"{log} has checkpoints: the same recipe goes on from the newest with --resume"
        sentence = going_on if log else "there is no checkpoint to go on from"
        err.print(f"Cancelled; no model was written, and {sentence}.", soft_wrap=True, highlight=False, markup=False)
        raise typer.Exit(CANCELLED) from None


def _training() -> ModuleType:
    try:
        from ..training import fit
    except ModuleNotFoundError as error:
        msg = f"Training needs {error.name}: install it with pip install 'livertumorseg[train]'."
        raise UserError(msg) from error
    return fit
