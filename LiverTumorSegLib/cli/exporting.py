"""``livertumorseg export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Overwrite, say, warn


def export(
    model: Annotated[str, typer.Argument(help="Name of a model, or its folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    format_name: Annotated[str, typer.Option("--format", help="onnx, torch-export or monai-bundle.")],
    ct: Annotated[Path | None, typer.Option(readable=False, help="CT to check the export on; else a phantom.")] = None,
    number: Annotated[
        int | None, typer.Option("--slice", min=1, help="Counted from the feet; else the one with most soft tissue.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Check on it though it does not look like a CT.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a model for other programs, checked against the original on a slice of a CT."""
    from .. import export as exports
    from .. import files, model_store
    from .. import model as model_folder
    from ..quiet import quiet_libraries

    loaded = model_folder.load(model_store.find(model))
    volume = None
    if ct:
        with quiet_libraries():
            volume = files.read_volume(ct, force=force)
        for warning in volume.warnings:
            warn(warning)
    found = exports.export(loaded, format_name, output, volume=volume, number=number, overwrite=overwrite)
    say(
        f"Wrote {output}. Checked on a slice of {ct or 'a phantom'}: {found.in_words}. Licence of the weights: "
        f"{loaded.description.licence.name}."
    )
