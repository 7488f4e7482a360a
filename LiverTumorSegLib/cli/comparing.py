"""``livertumorseg compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from ..errors import UserError
from ..progress import Cancelled, job
from .console import (
    CANCELLED,
    USER_ERROR,
    DeviceName,
    bar,
    command_line,
    complain,
    err,
    interruptible,
    plain,
    say,
    show,
    warn,
)
from .recipes import Cache, Changes, load_recipe

if TYPE_CHECKING:
    from ..datasets.sources import Source
    from ..datasets.splits import Split
    from ..experiments.compare import Comparison
    from ..experiments.variants import Variants
    from ..progress import Job
    from ..training.recipe import Recipe

_OF_SPLIT = 0.02


def compare(
    data: Annotated[Path, typer.Option(help="Folder that holds the recipes' data folders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the trials and the tables.")],
    recipes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RECIPE]...", help="Names of recipes that ship, or YAML files; else equal."),
    ] = None,
    networks: Annotated[
        str | None, typer.Option(help="Vary the one recipe's network: unet,segnet or all of the registry.")
    ] = None,
    preprocessings: Annotated[
        str | None, typer.Option(help="Vary the one recipe's preprocessing: own,li,kulkarni or all published ones.")
    ] = None,
    changes: Changes = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds to draw by patient.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of the folds.")] = 0,
    split: Annotated[Path | None, typer.Option(help="Split of livertumorseg data split, in place of drawing.")] = None,
    fold: Annotated[int | None, typer.Option(min=0, help="This fold alone.")] = None,
    against: Annotated[
        str | None, typer.Option(help="What differences are from; else the one with the best lesion Dice.")
    ] = None,
    card: Annotated[str | None, typer.Option(help="Name or folder of a model whose card gets the table.")] = None,
    device: DeviceName = "auto",
    cache: Cache = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin trials anew whose recipe, data or split have changed.")
    ] = False,
) -> None:
    """Train and measure recipes on the same patients; run again, it goes on with what is not done."""
    from ..experiments.card import write_into_card
    from ..experiments.compare import chosen_folds
    from ..experiments.compare import compare as run
    from ..experiments.run_options import RunOptions

    described = _model(card)
    variants = _variants([load_recipe(name, changes) for name in recipes or ["equal"]], networks, preprocessings)
    variants.refuse_nobody()
    _warn_of(variants)
    data_of = list(dict.fromkeys(source for recipe in variants.recipes.values() for source in recipe.data))
    with interruptible() as cancel, bar() as progress:
        whole = job(progress, cancel)
        try:
            drawn = _split(split, output, data_of, data, folds, seed, overwrite, whole.part(0, _OF_SPLIT))
            result = run(
                variants,
                data,
                output,
                chosen_folds(drawn, data_of, data, fold),
                RunOptions(device, cache, overwrite, command_line(), say, whole.part(_OF_SPLIT, 1)),
                against=against,
            )
        except Cancelled:
            err.print("Cancelled; what is done stays, and the same command goes on with the rest.")
            raise typer.Exit(CANCELLED) from None
    result.write(output)
    if described:
        write_into_card(described, result, variants.recipes)
    _print(result, output)
    if result.failed:
        raise typer.Exit(USER_ERROR)


def _variants(recipes: list[Recipe], networks: str | None, preprocessings: str | None) -> Variants:
    from ..experiments import variants

    if networks is None and preprocessings is None:
        return variants.given(recipes)
    if len(recipes) != 1 or (networks and preprocessings):
        msg = "One recipe is varied, in its network or in its preprocessing: give one recipe and one of the two."
        raise UserError(msg)
    if networks is not None:
        return variants.of_networks(recipes[0], _listed(networks))
    return variants.of_preprocessings(recipes[0], _listed(preprocessings or ""))


def _model(name: str | None) -> Path | None:
    from .. import model_store

    return None if name is None else model_store.find(name)


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _split(
    given: Path | None,
    output: Path,
    data_of: list[Source],
    data: Path,
    folds: int,
    seed: int,
    overwrite: bool,
    task: Job,
) -> Split:
    from ..datasets import splits
    from ..experiments.compare import split_for

    if given is not None:
        return splits.load(given)
    return split_for(output, data_of, data, folds=folds, seed=seed, overwrite=overwrite, job=task)


def _warn_of(variants: Variants) -> None:
    from ..experiments.conditions import unequal

    for name, why in variants.left_out.items():
        warn(f"{name} is left out. {why}")
    for note in variants.notes:
        say(note)
    for sentence in unequal(variants.recipes):
        warn(f"Not under equal conditions, {sentence}")


def _print(result: Comparison, output: Path) -> None:
    from ..experiments import tables

    if result.summary:
        head, *body = (_in_lines(row) for row in tables.rows(result.summary))
        table = Table(Column(no_wrap=True), *head[1:])
        for row in body:
            table.add_row(*plain(*row))
        show(table)
        for sentence in tables.in_words(result.summary):
            say(sentence)
        say(f"Wrote {output / 'comparison.md'}, .csv and .json. Research only, not a medical device.")
    for name, why in result.failed.items():
        complain(f"{name}: {why}")


def _in_lines(row: list[str]) -> list[str]:
    """Cells with what is in brackets, and headings with their second word, on a line of their own."""
    first, *others = row
    return [first, *(cell.replace(" ", "\n", 1) for cell in others)]
