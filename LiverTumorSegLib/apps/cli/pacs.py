"""Command ``livertumorseg pacs``, the service beside an archive."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import UserError
from ...core.optional_packages import require_packages
from .console import out, say, show

if TYPE_CHECKING:
    from ..pacs.queue import SeriesQueue
    from ..pacs.storage import ServiceFolder

PACKAGES = ("pydicom", "highdicom", "pynetdicom", "dicomweb_client", "aiohttp")
"""Modules that only the service needs."""

_BY_SIGNAL = 128
"""Added to a signal's number it is the exit code, as shells have it."""

_OPTION = typer.Option("--config", "-c", help="The service's configuration, a TOML file.", show_default="none")
_Config = Annotated[Path, _OPTION]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def pacs(context: typer.Context, config: Annotated[Path | None, _OPTION] = None) -> None:
    """Segment CT series that are sent here, and send the results to an archive, until Ctrl-C.

    For research only: not a medical device. “livertumorseg pacs example” prints a configuration to begin with.
    """
    if context.invoked_subcommand is not None:
        return
    if config is None:
        msg = "The service needs its configuration: give --config pacs.toml; livertumorseg pacs example prints one."
        raise UserError(msg)
    require_packages("The service needs", PACKAGES, "pacs")
    from ..pacs import config_file, log, service

    wanted = config_file.read(config)
    log.start_logging()
    raise typer.Exit(_BY_SIGNAL + service.run(wanted, say))


@app.command()
def status(
    config: _Config,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many series, the newest first.")] = 100,
) -> None:
    """Show the queue of the service, whether it runs or not."""
    folder = _folder(config)
    with _queue(folder) as queue:
        from ..pacs import status as shown

        is_running = folder.is_in_use()
        if as_json:
            out.print_json(json.dumps(shown.as_dict(queue, limit, is_running=is_running)), highlight=False)
            return
        show(shown.table(queue, limit))
        say(shown.counts_sentence(queue))
        say(shown.running_sentence(is_running))


@app.command()
def retry(
    number: Annotated[int, typer.Argument(help="Number of the job, as status shows it.")], config: _Config
) -> None:
    """Put a series that failed back into the queue."""
    with _queue(_folder(config)) as queue:
        series = queue.retry(number)
        say(f"Job {number} is {series.state.value} again.")


@app.command()
def check(config: _Config) -> None:
    """Try a configuration: the model, the certificates, and whether the archives answer; nothing is stored."""
    require_packages("The service needs", PACKAGES, "pacs")
    from ..pacs import config_check, config_file

    wanted = config_file.read(config)
    for sentence in config_check.configuration_sentences(wanted):
        say(sentence)
    if failed := config_check.try_configuration(wanted, say):
        parts = "part" if failed == 1 else "parts"
        msg = f"{failed} {parts} of the configuration cannot be used, as said above."
        raise UserError(msg)
    say("Everything can be used.")


@app.command()
def example() -> None:
    """Print a configuration to begin with."""
    from ..pacs.example_config import TOML

    typer.echo(TOML, nl=False)


def _folder(config: Path) -> ServiceFolder:
    from ..pacs import config_file
    from ..pacs.storage import ServiceFolder

    return ServiceFolder(config_file.read(config).folder)


@contextmanager
def _queue(folder: ServiceFolder) -> Iterator[SeriesQueue]:
    from ..pacs.queue import SeriesQueue

    try:
        with closing(SeriesQueue(folder.queue, create=False)) as queue:
            yield queue
    except sqlite3.Error as error:  # at the start of the service all of it is checked, which may take long
        msg = f"{folder.queue} cannot be used now ({error}): try again; the service says more when it is started."
        raise UserError(msg) from error
