"""Commands ``livertumorseg compare`` and ``livertumorseg reproduce``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from ...core.errors import UserError
from ...core.progress import Cancelled, job
from .console import (
    CANCELLED,
    USER_ERROR,
    DeviceName,
    Overwrite,
    bar,
    command_line,
    complain,
    err,
    interruptible,
    say,
    say_written,
    show,
    text_cells,
    warn,
)
from .train import Cache, Changes, load_recipe

if TYPE_CHECKING:
    from ...core.progress import Job
    from ...datasets.sources import Source
    from ...datasets.splits import Split
    from ...experiments.compare import Comparison
    from ...experiments.reproduction.results import Reproduction
    from ...experiments.variants import Variants
    from ...training.recipe import Recipe

_SPLIT_SHARE = 0.02


def compare(
    data: Annotated[Path, typer.Option(help="Folder that holds the recipes' data folders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the trials and the tables.")],
    recipes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RECIPE]...", help="Names of recipes that ship, or YAML files.", show_default="equal"),
    ] = None,
    networks: Annotated[
        str | None,
        typer.Option(
            help="Vary the one recipe's network: unet,segnet or all of the registry.", show_default="the recipe's"
        ),
    ] = None,
    preprocessings: Annotated[
        str | None,
        typer.Option(
            help="Vary the one recipe's preprocessing: own,li,kulkarni or all published ones.",
            show_default="the recipe's",
        ),
    ] = None,
    changes: Changes = None,
    folds: Annotated[int, typer.Option(min=2, help="Number of folds; each patient is in one of them.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed for drawing the folds.")] = 0,
    split: Annotated[
        Path | None,
        typer.Option(
            help="File from livertumorseg data split, used in place of drawn folds.", show_default="one is drawn"
        ),
    ] = None,
    fold: Annotated[int | None, typer.Option(min=0, help="Run this fold only.", show_default="all")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Recipe that the others are compared with.", show_default="the one with the best lesion Dice"
        ),
    ] = None,
    card: Annotated[
        str | None, typer.Option(help="Name or folder of a model whose card gets the table.", show_default="none")
    ] = None,
    device: DeviceName = "auto",
    cache: Cache = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start trials again whose recipe, data or split has changed.")
    ] = False,
) -> None:
    """Train and measure recipes on the same patients; run again, it goes on with what is not done."""
    from ...experiments.compare import chosen_folds, write_into_card
    from ...experiments.compare import compare as run
    from ...experiments.run_options import RunOptions

    described = _model_folder(card)
    variants = _variants([load_recipe(name, changes) for name in recipes or ["equal"]], networks, preprocessings)
    variants.refuse_nobody()
    _warn_of(variants)
    data_of = list(dict.fromkeys(source for recipe in variants.recipes.values() for source in recipe.data))
    with interruptible() as cancel, bar() as progress:
        whole = job(progress, cancel)
        try:
            drawn = _split_of(split, output, data_of, data, folds, seed, overwrite, whole.part(0, _SPLIT_SHARE))
            result = run(
                variants,
                data,
                output,
                chosen_folds(drawn, data_of, data, fold),
                RunOptions(device, cache, overwrite, command_line(), say, whole.part(_SPLIT_SHARE, 1)),
                against=against,
            )
        except Cancelled:
            err.print("Cancelled; what is done is kept, and the same command continues with the rest.")
            raise typer.Exit(CANCELLED) from None
    result.write(output)
    if described:
        write_into_card(described, result, variants.recipes)
    _print_comparison(result, output)
    if result.failed:
        raise typer.Exit(USER_ERROR)


def _variants(recipes: list[Recipe], networks: str | None, preprocessings: str | None) -> Variants:
    from ...experiments import variants

    if networks is None and preprocessings is None:
        return variants.given(recipes)
    if len(recipes) != 1 or (networks and preprocessings):
        msg = "One recipe is varied, in its network or in its preprocessing: give one recipe and one of the two."
        raise UserError(msg)
    if networks is not None:
        return variants.of_networks(recipes[0], _names_in(networks))
    return variants.of_preprocessings(recipes[0], _names_in(preprocessings or ""))


def _model_folder(name: str | None) -> Path | None:
    from ...models import store

    return None if name is None else store.find_model(name)


def _names_in(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _split_of(
    given: Path | None,
    output: Path,
    data_of: list[Source],
    data: Path,
    folds: int,
    seed: int,
    overwrite: bool,
    task: Job,
) -> Split:
    from ...datasets import splits
    from ...experiments.compare import split_for

    if given is not None:
        return splits.load(given)
    return split_for(output, data_of, data, folds=folds, seed=seed, overwrite=overwrite, job=task)


def _warn_of(variants: Variants) -> None:
    from ...experiments.variants import unequal_conditions

    for name, why in variants.left_out.items():
        warn(f"{name} is left out. {why}")
    for note in variants.notes:
        say(note)
    for sentence in unequal_conditions(variants.recipes):
        warn(f"Not under equal conditions, {sentence}")


def _print_comparison(result: Comparison, output: Path) -> None:
    from ...experiments import summary

    if result.summary:
        head, *body = (_broken_headings(row) for row in summary.summary_rows(result.summary))
        table = Table(Column(no_wrap=True), *head[1:])
        for row in body:
            table.add_row(*text_cells(*row))
        show(table)
        for sentence in summary.explain_figures(result.summary):
            say(sentence)
        say_written(output / f"comparison{ending}" for ending in (".md", ".csv", ".json"))
    for name, why in result.failed.items():
        complain(f"{name}: {why}")


def _broken_headings(row: list[str]) -> list[str]:
    """Cells with what is in brackets, and headings with their second word, on a line of their own."""
    first, *others = row
    return [first, *(cell.replace(" ", "\n", 1) for cell in others)]


class Size(str, Enum):
    """Choices of ``--size``."""

    PUBLISHED = "published"
    SMALL = "small"
    QUICK = "quick"


class ProtocolName(str, Enum):
    """Choices of ``--protocol``."""

    PUBLISHED = "published"
    SLICES = "slices"
    SOUND = "sound"


def reproduce(
    name: Annotated[str, typer.Argument(help="dhanush, kulkarni, li, ahmad or elmenabawy.")],
    data: Annotated[
        list[Path],
        typer.Option(
            readable=False,
            help="Folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures; may be given for each of several.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; run again, it goes on there.")],
    protocol: Annotated[
        ProtocolName,
        typer.Option(
            help="published: as in the paper; slices: split by slices, as Kulkarni's figures suggest; sound: whole "
            "patients held out."
        ),
    ] = ProtocolName.PUBLISHED,
    size: Annotated[
        Size,
        typer.Option(
            help="published: as in the paper; small: a real training for two CPU cores; quick: minutes, with "
            "meaningless figures."
        ),
    ] = Size.PUBLISHED,
    rows: Annotated[
        str | None, typer.Option(help="Rows of the table to reproduce, separated by commas.", show_default="all")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training data.", show_default="the paper's or the size's")
    ] = None,
    changes: Changes = None,
    encoder_weights: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of torchvision's ImageNet weights, once for each encoder, or imagenet to download them.",
            show_default="random weights",
        ),
    ] = None,
    intensities: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="HU of black and white in slice pictures that do not state them.", show_default="as the data say"
        ),
    ] = None,
    patients: Annotated[
        str | None,
        typer.Option(
            help="Patients to use: numbers, ranges or names, such as 0-27,48-130; not:28-47 leaves these out.",
            show_default="all",
        ),
    ] = None,
    device: DeviceName = "auto",
    cache: Cache = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print steps, hours, memory and disk space, measured in a few steps, and stop."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an earlier run; an error where there is none.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Train and measure a published system; prints its figures beside the measured ones."""
    try:
        from ...experiments.reproduction import output_files
        from ...experiments.reproduction import run as reproduction
        from ...experiments.reproduction.request import Settings
        from ...experiments.run_options import RunOptions
        from ...training.recipe import parse_changes
    except ModuleNotFoundError as error:
        msg = f"Training needs {error.name}: install it with pip install 'livertumorseg[train]'."
        raise UserError(msg) from error

    settings = Settings(
        size=size.value,
        rows=_names_in(rows or ""),
        epochs=epochs,
        changes=parse_changes(changes or []),
        weights=encoder_weights or [],
        intensities=intensities,
        patients=patients,
        resume=resume,
    )
    with interruptible() as cancel, bar() as progress:
        options = RunOptions(device, cache, overwrite, command_line(), say, job(progress, cancel))
        try:
            if dry_run:
                foreseen = reproduction.foresee(name, data, output, protocol.value, settings, options)
            else:
                done = reproduction.reproduce(name, data, output, protocol.value, settings, options)
        except Cancelled:
            err.print("Cancelled; what is done is kept, and the same command continues with the rest.")
            raise typer.Exit(CANCELLED) from None
    if dry_run:
        for sentence in foreseen.sentences():
            say(sentence)
        return
    _print_reproduction(done)
    say_written((output / output_files.PAGE).with_suffix(ending) for ending in (".html", ".md", ".csv", ".json"))


def _print_reproduction(done: Reproduction) -> None:
    from ...experiments.reproduction import report, sizes, systems
    from ...experiments.reproduction.report import report_sections

    marked = f": {sizes.MARKS[done.size]}" if sizes.MARKS[done.size] else ""
    table = Table(*report.headings(done), title=f"{done.name}{marked}")
    for row in report.table(done):
        table.add_row(*row)
    show(table)
    for heading, sentences in report_sections(systems.load(done.name), done).items():
        say(f"\n{heading}:")
        for sentence in sentences:
            say(f"- {sentence}")
