"""``livertumorseg web``."""

from __future__ import annotations

import asyncio
import os
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import UserError
from ...core.optional_packages import require_packages
from ...io.limits import VARIABLE
from .common_options import InputOption, one_path
from .console import say, warn
from .pacs import PACKAGES as PACS_PACKAGES

if TYPE_CHECKING:
    from ..pacs.archive_list import ListedArchive

PACKAGES = ("aiohttp", "trame", "trame_vuetify", "trame_slicer", "slicer")
"""Modules that only the page needs."""

_GIGABYTE = 1_000_000_000
_BY_SIGNAL = 128
"""Added to a signal's number it is the exit code, as shells have it; Ctrl-C has 2."""


def web(
    ct: Annotated[
        Path | None,
        typer.Argument(
            metavar="[INPUT]",
            readable=False,
            help="CT to open at once: a file or a DICOM folder.",
            show_default="none",
        ),
    ] = None,
    *,
    input_: InputOption = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of CTs that every session may open.", show_default="none")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 0,
    host: Annotated[
        str | None,
        typer.Option(
            help="Name or address of this machine to listen on.",
            show_default="a name of this run's own, for this machine alone",
        ),
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines connect, without encryption.")
    ] = False,
    sessions: Annotated[
        int, typer.Option(min=1, max=64, help="Most browser sessions at once; each has its own scene.")
    ] = 8,
    most_gb: Annotated[
        float,
        typer.Option(
            "--most-gb", min=0.001, help="Most GB that a session may upload, and that a zip file may unpack to."
        ),
    ] = 4.0,
    most_voxels: Annotated[
        int, typer.Option("--most-voxels", min=1, envvar=VARIABLE, help="Most voxels that a CT may have.")
    ] = 1 << 29,
    archives: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of the archives that sessions may use, or the configuration of livertumorseg pacs.",
            show_default="none",
        ),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser at once.")] = True,
) -> None:
    """Open the panel in a browser, until Ctrl-C. For research only: not a medical device.

    A session lasts until a minute after its browser tab is closed; then its files are deleted.
    """
    if ct is not None or input_ is not None:
        ct = one_path(ct, input_, name="INPUT", flag="--input")
    require_packages("The page needs", PACKAGES, "web")  # a session's process would say so once a browser has come
    listed = _archives(archives) if archives else ()
    from .. import http_server
    from ..http_access import AccessGate
    from ..http_server import listen, tunnel_command
    from ..web.server import app, session_process

    os.environ[VARIABLE] = str(most_voxels)  # for the sessions' processes and theirs
    most_bytes = round(most_gb * _GIGABYTE)
    command = [*session_process.COMMAND, *_options(ct, folder), "--most-bytes", str(most_bytes)]
    listening = listen(host, port, allow_remote=allow_remote)
    if listening.warning:
        warn(listening.warning)
    gate = AccessGate(listening.name, by_address=listening.is_everywhere)
    front = app.FrontServer(most=sessions, most_bytes=most_bytes, command=command, archives=listed)

    def ready() -> None:
        address = listening.address(gate.token)
        say(
            f"Open this address in a browser on this computer; Ctrl-C ends the program and all its sessions:\n{address}"
        )
        if "SSH_CONNECTION" in os.environ and not listening.is_remote:
            say(f"From another computer, first run this there:\n{tunnel_command(listening.port)}")
        if open_browser:  # which may take its time, and some run until they are closed
            once = listening.address(gate.once())
            threading.Thread(target=webbrowser.open, args=[once], daemon=True).start()

    number = asyncio.run(http_server.run_until_signal(app.serve(front, gate, listening, ready)))
    if front.undeleted:
        places = ", ".join(map(str, front.undeleted))
        warn(f"All sessions have ended, but some of their files could not be deleted: delete {places} by hand.")
    else:
        say("All sessions have ended, and their files are deleted.")
    raise typer.Exit(_BY_SIGNAL + number)


def _archives(file: Path) -> tuple[ListedArchive, ...]:
    """The archives that are listed in a file; what is wrong with them, or not safe, is said at once."""
    require_packages("The archives need", PACS_PACKAGES, "pacs")
    from ..pacs import archive_list
    from ..pacs.log import silence_libraries

    listed = archive_list.read(file)
    silence_libraries()
    for sentence in dict.fromkeys(archive_list.warnings(listed)):
        warn(sentence.removeprefix("Warning: "))
    return listed


def _options(ct: Path | None, folder: Path | None) -> list[str]:
    options = []
    if folder is not None:
        if not folder.is_dir():
            msg = f"{folder} is not a folder: give one that holds CTs."
            raise UserError(msg)
        options += ["--shared", str(folder.absolute())]
    if ct is not None:
        if not ct.exists():
            msg = f"{ct} is not there: give a CT file or a DICOM folder."
            raise UserError(msg)
        options += ["--ct", str(ct.absolute())]
    return options
