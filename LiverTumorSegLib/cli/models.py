"""``livertumorseg models``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .. import DEFAULT_MODEL
from ..errors import UserError
from ..visible import visible
from .console import Overwrite, bar, interruptible, out, plain, say

app = typer.Typer(no_args_is_help=True, help="List, describe, import, download and remove models.")


@app.command("list")
def list_models() -> None:
    """List the models that ship and those that were imported."""
    from .. import model_store
    from ..model import describe

    table = Table("name", "title", "segments", "licence")
    for name, folder in model_store.available().items():
        try:
            description = describe(folder)
        except UserError as error:
            table.add_row(*plain(name, f"not valid: {error}"))
            continue
        table.add_row(*plain(name, description.title, description.segments, description.licence.name))
    out.print(table)


@app.command()
def info(name: Annotated[str, typer.Argument(help="Name or folder of a model.")] = DEFAULT_MODEL) -> None:
    """Check a model and print its card."""
    from rich.markdown import Markdown

    from .. import model_store
    from ..model import card, load

    folder = model_store.find(name)
    description = load(folder).description
    out.print(Markdown(visible(card(folder) or description.title), hyperlinks=False))
    say(f"\n{folder}\n{description.weights.bytes / 1e6:.1f} MB, SHA-256 {description.weights.sha256}")


@app.command("import")
def import_model(folder: Annotated[Path, typer.Argument(help="A model folder.")], overwrite: Overwrite = False) -> None:
    """Check a model folder and copy it to your models."""
    from .. import model_store

    name = model_store.import_model(folder, overwrite=overwrite)
    say(f"Imported “{name}”: use it with --model {name}.")


@app.command()
def download(
    url: Annotated[str, typer.Argument(help="Address of a zipped model folder.")],
    sha256: Annotated[str, typer.Option(help="Checksum of the zip file, as its author published it.")],
    overwrite: Overwrite = False,
) -> None:
    """Download a model, check it and add it to your models."""
    from ..model_download import download_model

    with interruptible() as cancel, bar() as progress:
        name = download_model(url, sha256, progress, cancel, overwrite=overwrite)
    say(f"Downloaded “{name}”: use it with --model {name}.")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of a model that you imported.")]) -> None:
    """Delete a model that you imported."""
    from .. import model_store

    model_store.remove_model(name)
    say(f"Removed “{name}”.")
