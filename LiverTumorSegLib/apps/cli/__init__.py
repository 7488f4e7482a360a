"""The command ``livertumorseg``: a file a group of commands; what is heavy is imported when a command runs."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ...core.about import __version__
from ...core.errors import UserError
from ...core.progress import Cancelled
from . import (
    calibrate,
    cohort,
    compare,
    data,
    demo,
    evaluate,
    follow_up,
    lesions,
    models,
    pacs,
    plan,
    segment,
    train,
    web,
)
from .common_options import working
from .console import CANCELLED, USER_ERROR, complain, err

_NOISY_LIBRARIES = ("matplotlib", "monai.data.nvimgcodec_pydicom_plugin")
"""Libraries that warn of their caches and plugins, of which users here know nothing."""

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)
_PANELS: Mapping[str, Mapping[str, Callable[..., None] | typer.Typer]] = {
    "Segment": {
        "segment": working(segment.segment),
        "segment-cohort": working(cohort.segment_cohort),
        "lesions": lesions.app,
        "demo": working(demo.demo),
        "phantom": working(demo.phantom),
    },
    "Results": {
        "follow-up": working(follow_up.follow_up),
        "evaluate": working(evaluate.evaluate),
        "compare-evaluations": evaluate.compare_evaluations,
    },
    "Models": {
        "models": models.app,
        "export": working(models.export),
        "networks": models.networks,
    },
    "Research": {
        "data": data.app,
        "preprocess": working(data.preprocess),
        "export-slices": working(data.export_slices),
        "foreground-statistics": working(data.foreground_statistics),
        "plan": working(plan.plan),
        "train": working(train.train),
        "validate": working(train.validate),
        "compare": working(compare.compare),
        "calibrate": working(calibrate.calibrate),
        "reproduce": working(compare.reproduce),
    },
    "Serve": {
        "web": web.web,
        "pacs": pacs.app,
    },
}
"""The commands as the help groups them."""

for _panel, _commands in _PANELS.items():
    for _name, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name, rich_help_panel=_panel)
        else:
            app.command(_name, rich_help_panel=_panel)(_command)


def main() -> None:
    """Run the command line; what the user can mend ends with exit code 3 and one sentence."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # where a console lacks a character, it shows ?
        sys.stdout.reconfigure(errors="replace")
    for library in _NOISY_LIBRARIES:
        logging.getLogger(library).setLevel(logging.ERROR)
    try:
        _refuse_gone_folder()
        app()
    except UserError as error:
        _end(str(error))
    except MemoryError:
        _end("There is not enough memory: crop the CT, or close other programs.")
    except ImportError as error:
        _end(f"A part of the program cannot be loaded ({error}): close other programs, or install it again.")
    except OSError as error:
        _end(f"{error.filename or 'A file'} cannot be used ({error.strerror or error}): choose another.")
    except (Cancelled, KeyboardInterrupt):
        err.print("Cancelled; nothing was written.")
        sys.exit(CANCELLED)


def _refuse_gone_folder() -> None:
    """Refuse a working folder that was deleted, in which PyTorch's libraries do not load."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        msg = "The working folder was deleted: change to another one."
        raise UserError(msg) from error


def _end(sentence: str) -> NoReturn:
    try:
        complain(sentence)
    except MemoryError:  # Rich needs some to print with
        os.write(2, f"error: {sentence}\n".encode())
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
