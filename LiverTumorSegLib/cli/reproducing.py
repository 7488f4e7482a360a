"""``livertumorseg reproduce``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..errors import UserError
from ..progress import Cancelled, job
from .console import CANCELLED, DeviceName, Overwrite, bar, command_line, err, interruptible, say, show
from .recipes import Cache

if TYPE_CHECKING:
    from ..reproduction.results import Reproduction


class Protocols(str, Enum):
    """Choices of ``--protocol``."""

    PUBLISHED = "published"
    SOUND = "sound"


def reproduce(
    name: Annotated[str, typer.Argument(help="dhanush, kulkarni, li, ahmad or elmenabawy.")],
    data: Annotated[
        Path, typer.Option(readable=False, help="Folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; run again, it goes on there.")],
    protocol: Annotated[
        Protocols, typer.Option(help="As the paper has it, or patients held out and measured one by one.")
    ] = Protocols.PUBLISHED,
    quick: Annotated[bool, typer.Option("--quick", help="Small, in minutes: a trial of the road, no figures.")] = False,
    encoder_weights: Annotated[
        list[Path] | None, typer.Option(help="File of torchvision's ImageNet weights; may be given for each encoder.")
    ] = None,
    intensities: Annotated[
        tuple[float, float] | None, typer.Option(help="HU of black and white in slice pictures that do not say them.")
    ] = None,
    device: DeviceName = "auto",
    cache: Cache = None,
    overwrite: Overwrite = False,
) -> None:
    """Train and measure a published system; prints its figures beside the measured ones."""
    try:
        from ..experiments.run_options import RunOptions
        from ..reproduction import report
        from ..reproduction.reproduce import reproduce as run
    except ModuleNotFoundError as error:
        msg = f"Training needs {error.name}: install it with pip install 'livertumorseg[train]'."
        raise UserError(msg) from error

    with interruptible() as cancel, bar() as progress:
        options = RunOptions(device, cache, overwrite, command_line(), say, job(progress, cancel))
        try:
            done = run(
                name,
                data,
                output,
                protocol.value,
                quick=quick,
                weights=encoder_weights or [],
                intensities=intensities,
                options=options,
            )
        except Cancelled:
            err.print("Cancelled; what is done stays, and the same command goes on with the rest.")
            raise typer.Exit(CANCELLED) from None
    _print(done)
    say(f"Wrote {output / report.MARKDOWN}. Research only, not a medical device.")


def _print(done: Reproduction) -> None:
    from ..reproduction import report, system
    from ..reproduction.words import sections

    table = Table(*report.headings(done), title=f"{done.name}{', quick: no reproduction' if done.quick else ''}")
    for row in report.table(done):
        table.add_row(*row)
    show(table)
    for heading, sentences in sections(system.load(done.name), done).items():
        say(f"\n{heading}:")
        for sentence in sentences:
            say(f"- {sentence}")
