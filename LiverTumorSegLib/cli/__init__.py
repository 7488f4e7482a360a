"""The command ``livertumorseg``: a file a group of commands; what is heavy is imported when a command runs."""

from __future__ import annotations

import io
import sys
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..errors import UserError
from ..progress import Cancelled
from . import (
    architectures,
    cohorts,
    comparing,
    data,
    evaluating,
    exporting,
    models,
    phantoms,
    preparing,
    reproducing,
    segmenting,
    trainers,
)
from .console import CANCELLED, USER_ERROR, complain, err

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("segment")(segmenting.segment)
app.command("segment-cohort")(cohorts.segment_cohort)
app.command("demo")(phantoms.demo)
app.command("phantom")(phantoms.phantom)
app.command("preprocess")(preparing.preprocess)
app.command("export-slices")(preparing.export_slices)
app.command("foreground-statistics")(preparing.foreground_statistics)
app.command("train")(trainers.train)
app.command("validate")(trainers.validate)
app.command("compare")(comparing.compare)
app.command("reproduce")(reproducing.reproduce)
app.command("evaluate")(evaluating.evaluate)
app.command("compare-evaluations")(evaluating.compare_evaluations)
app.command("export")(exporting.export)
app.command("networks")(architectures.networks)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; what the user can mend ends with exit code 3 and one sentence."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # where a console lacks a character, it shows ?
        sys.stdout.reconfigure(errors="replace")
    try:
        app()
    except UserError as error:
        _end(str(error))
    except MemoryError:
        _end("This takes more memory than there is: crop the CT, or close other programs.")
    except OSError as error:
        _end(f"{error.filename or 'A file'} cannot be used ({error.strerror or error}): choose another.")
    except (Cancelled, KeyboardInterrupt):
        err.print("Cancelled; nothing was written.")
        sys.exit(CANCELLED)


def _end(sentence: str) -> NoReturn:
    complain(sentence)
    sys.exit(USER_ERROR)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Find the liver and its tumours in CT. For research only: not a medical device."""
