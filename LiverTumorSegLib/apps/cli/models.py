"""Commands on models and networks: ``livertumorseg models``, ``networks`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from ...core.about import DEFAULT_MODEL
from ...core.errors import UserError
from ...core.sanitize import escape_invisible
from .common_options import Force, working
from .console import Overwrite, bar, interruptible, say, say_written, show, show_page, text_cells, warn
from .nnunet_options import NnUNetChoices, with_nnunet_options

if TYPE_CHECKING:
    from ...models.description import Description
    from ...networks import SliceNetwork

app = typer.Typer(no_args_is_help=True, help="List, describe, import, download and remove models.")


@app.command("list")
def list_models() -> None:
    """List the models that ship and those that were imported."""
    from ...models import store
    from ...models.model_folder import read_description

    known = store.available_models()
    width = max(map(len, known), default=0)  # names are typed as they stand
    table = Table(Column("name", min_width=width, no_wrap=True), "title", "segments", "for", "licence")
    for name, folder in known.items():
        try:
            description = read_description(folder)
        except UserError as error:
            table.add_row(*text_cells(name, f"not valid: {error}"))
            continue
        use = _use(description)
        table.add_row(*text_cells(name, description.title, description.segments, use, description.licence.name))
    show(table)


def _use(description: Description) -> str:
    if description.clicks:
        return "lesions add"
    if description.needs_liver:
        return "models join"
    return "segment" if len(description.labels) > 1 else "segment --also"


@app.command()
def info(name: Annotated[str, typer.Argument(help="Name or folder of a model.")] = DEFAULT_MODEL) -> None:
    """Check a model and print its card."""
    from rich.markdown import Markdown

    from ...models import store
    from ...models.model_folder import load, read_card

    folder = store.find_model(name)
    description = load(folder).description
    show_page(Markdown(escape_invisible(read_card(folder) or description.title), hyperlinks=False))
    say(f"\n{folder}\n{description.weights.bytes / 1e6:.1f} MB, SHA-256 {description.weights.sha256}")


@app.command("import")
@working
@with_nnunet_options
def import_model(
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A model folder of this program or of nnU-Net; it may be zipped.")
    ],
    *,
    choices: NnUNetChoices,
    overwrite: Overwrite = False,
) -> None:
    """Check a model and keep it: a model folder, or what nnU-Net or TotalSegmentator trained."""
    from ...core.progress import Job
    from ...models.importing import import_any

    with interruptible() as cancel, bar() as progress:
        kept = import_any(source, choices, overwrite=overwrite, job=Job(progress, cancel))
    _say_kept("Imported", kept)


@app.command()
@working
@with_nnunet_options
def download(
    url: Annotated[str, typer.Argument(help="Address of a zipped model folder, of this program or of nnU-Net.")],
    sha256: Annotated[str, typer.Option(help="Checksum of the zip file, as its author published it.")],
    *,
    choices: NnUNetChoices,
    overwrite: Overwrite = False,
) -> None:
    """Download a model, check it and add it to your models."""
    from ...models.download import download_model

    with interruptible() as cancel, bar() as progress:
        kept = download_model(url, sha256, progress, cancel, choices=choices, overwrite=overwrite)
    _say_kept("Downloaded", kept)


def _say_kept(how: str, name: str) -> None:
    from ...models import store
    from ...models.model_folder import read_description

    description = read_description(store.find_model(name))
    ways = "--model" if len(description.labels) > 1 else "--also"
    say(f"{how} “{name}”, which finds {description.segments}: use it with {ways} {name}.")
    if description.nnunet:
        say(f"Licence of its weights: {description.licence.name}. livertumorseg models info {name} has its card.")


@app.command()
@working
def join(
    model: Annotated[str, typer.Argument(help="Name or folder of a model that finds the liver.")],
    closer: Annotated[
        str, typer.Argument(help="Name or folder of one that looks at it closer, such as unet-closer makes.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Make one model of two: the first finds the liver, and the second looks at it again with finer pixels."""
    from ...models import store
    from ...models.joining import save_joined
    from ...training.card import card_text

    save_joined(store.load_model(model), store.load_model(closer), output, card_text, overwrite=overwrite)
    say(f"Wrote {output}: use it with --model {output}, or add it with livertumorseg models import.")


@app.command()
@working
def split(
    model: Annotated[str, typer.Argument(help="Name or folder of a model with two networks.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Make two models of a joined one, to train either of them further and join them again."""
    from ...models import store
    from ...models.joining import PARTS, save_split
    from ...training.card import card_text

    save_split(store.load_model(model), output, card_text, overwrite=overwrite)
    first, closer = (output / name for name in PARTS)
    say(f"Wrote {first} and {closer}: train either further with --set initial=FOLDER, and join them again.")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of a model that you imported.")]) -> None:
    """Delete a model that you imported."""
    from ...models import store

    store.remove_model(name)
    say(f"Removed “{name}”.")


_SLICES = 5
_PATCH = (64, 128, 128)
_MEGA = 10**6
_LEGEND = (
    "One slice, or patch, in float32. GFLOP: 10^9 operations of a forward pass, a multiplication with its addition "
    "counted as two. Training: megabytes that forward and backward pass hold at most at batch one, beyond weights and "
    "gradients; every further slice of a batch takes as much again."
)


def networks(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show this one only, with all details.", show_default="all")
    ] = None,
    channels: Annotated[int, typer.Option(min=1, help="Channels of a slice.")] = 1,
    classes: Annotated[int, typer.Option(min=1, help="Channels of the logits.")] = 3,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Rows and columns of a slice.")] = 512,
) -> None:
    """List the networks: what they cost and where they come from; of one also what was chosen, and its options."""
    from ...networks import describe
    from ...networks import names as known

    said = None if name is None else describe(name)

    costs, sources = (Table(Column("name", no_wrap=True)) for _ in range(2))  # names are typed as they stand
    for heading in ("input", "million\nparameters", "GFLOP", "training\nMB", "ImageNet\nencoder"):
        costs.add_column(heading)
    sources.add_column("source")
    names = known() if name is None else [name]
    with bar() as progress:
        for number, each in enumerate(names):
            progress(number / len(names), f"Counting {each}")
            network = _create_network(each, channels, classes)
            costs.add_row(each, *_cost_row(network, (size, size) if network.axes == 2 else _PATCH))
            sources.add_row(each, network.source)
    show(costs)
    show(sources)
    say(_LEGEND)
    if said:
        say(f"\n{said}")


def _create_network(name: str, channels: int, classes: int) -> SliceNetwork:
    import torch

    from ...networks import create

    with torch.device("meta"):  # where weights take neither time nor memory
        if name == "dalu_net":
            return create(name, channels * _SLICES, classes, slices=_SLICES)
        return create(name, channels, classes)


def _cost_row(network: SliceNetwork, size: tuple[int, ...]) -> tuple[str, ...]:
    from ...networks.cost import cost

    shape, encoder = "x".join(map(str, (network.in_channels, *size))), getattr(network, "imagenet", "")
    found = cost(network, size)
    figures = f"{found.parameters / _MEGA:.2f}", f"{found.gflop:.1f}", f"{found.training_bytes / _MEGA:.0f}"
    return shape, *figures, encoder


def export(
    model: Annotated[str, typer.Argument(help="Name of a model, or its folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    format_name: Annotated[str, typer.Option("--format", help="onnx, torch-export or monai-bundle.")],
    ct: Annotated[
        Path | None,
        typer.Option(
            "--ct", "--input", "-i", readable=False, help="CT to check the export on.", show_default="a phantom"
        ),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--slice", min=1, help="Counted from the feet.", show_default="the one with most soft tissue"),
    ] = None,
    force: Force = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a model for other programs, checked against the original on a slice of a CT."""
    from ...core.native_stderr import silence_libraries
    from ...export import export as export_model
    from ...io import volumes
    from ...models import model_folder, store

    loaded = model_folder.load(store.find_model(model))
    volume = None
    if ct:
        with silence_libraries():
            volume = volumes.read_volume(ct, force=force)
        for warning in volume.warnings:
            warn(warning)
    found = export_model(loaded, format_name, output, volume=volume, number=number, overwrite=overwrite)
    say_written(
        sorted(path for path in output.rglob("*") if path.is_file()),
        after=f"Checked on a slice of {ct or 'a phantom'}: {found.in_words}. Licence of the weights: "
        f"{loaded.description.licence.name}.",
    )
