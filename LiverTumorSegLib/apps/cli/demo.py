"""``livertumorseg demo`` and ``livertumorseg phantom``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...core.errors import UserError
from .common_options import one_path
from .console import Overwrite, bar, say, say_written, warn

Seed = Annotated[int, typer.Option(min=0, help="Seed of the anatomy, lesions and noise.")]
_MOST_VOXELS = 4096


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("demo"),
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make a phantom CT, segment it, and compare with its truth."""
    from .phantom_demo import run_demo

    with bar() as progress:
        outcome = run_demo(output, seed=seed, progress=progress, overwrite=overwrite)
    for warning in outcome.warnings:
        warn(warning)
    say(
        f"Segmented a phantom in {outcome.seconds:.1f} s: Dice against its truth is {outcome.liver_dice:.3f} for the "
        f"liver and {outcome.lesion_dice:.3f} for the lesions."
    )
    say_written(sorted(output.iterdir()), after=f"Open {output / 'report.html'}.")


def phantom(
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUTPUT]", help="NIfTI file of the CT; the labels stand beside it.", show_default="--output"
        ),
    ] = None,
    *,
    output_: Annotated[
        Path | None, typer.Option("--output", "-o", help="The same as OUTPUT.", show_default="OUTPUT")
    ] = None,
    shape: Annotated[tuple[int, int, int], typer.Option(help="Number of slices, rows and columns.")] = (72, 256, 256),
    spacing: Annotated[
        tuple[float, float, float], typer.Option(help="Millimetres between slices, rows and columns.")
    ] = (3.0, 1.5, 1.5),
    seed: Seed = 0,
    lesions: Annotated[int, typer.Option(min=0, max=8, help="How many.")] = 4,
    overwrite: Overwrite = False,
) -> None:
    """Write a made-up abdominal CT and its exact labels."""
    from ...datasets.phantom import create
    from ...io import volumes
    from ...io.nifti import write_volume

    image = one_path(output, output_, name="OUTPUT", flag="--output")
    if not image.name.endswith((".nii", ".nii.gz")) or not _fits(shape, spacing):
        msg = (
            f"This phantom cannot be made: end its name in .nii or .nii.gz, and give 1 to {_MOST_VOXELS} voxels each "
            "way, up to 100 mm apart."
        )
        raise UserError(msg)
    labels = image.with_name(f"{volumes.stem(image)}-labels.nii.gz")
    for path in (image, labels):
        volumes.check_output(path, overwrite=overwrite)
    made = create(shape, spacing, seed, lesions)
    write_volume(image, made.volume, overwrite=overwrite)
    volumes.write_labels(labels, made.labels, made.volume, overwrite=overwrite)
    say_written([image, labels])


def _fits(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> bool:
    return all(1 <= count <= _MOST_VOXELS for count in shape) and all(0 < mm <= 100 for mm in spacing)
