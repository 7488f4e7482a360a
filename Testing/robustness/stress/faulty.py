"""Command lines in a fork of the sandbox, killed as they write, with temporary files where they can be looked at."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from support import sandbox

from LiverTumorSegLib.reporting import surface_render

TEMPORARY, COUNTED = "tmp", "counted"
_CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate", "os.chmod")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def command_line(*words: str) -> None:
    """Run it in this folder, its temporary files in ``tmp``; the picture in 3D is left out, as VTK takes seconds."""
    Path(TEMPORARY).mkdir(exist_ok=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(Path(TEMPORARY).absolute())
    os.environ["LIVERTUMORSEG_MODELS"] = str(Path("models").absolute())
    surface_render.render_surfaces = lambda *_: None
    sandbox.command_line(*words)


def counted(*words: str) -> None:
    """Run it, and write how many changes to files it made in this folder."""
    changes = 0

    def count() -> None:
        nonlocal changes
        changes += 1

    _on_change(count)
    try:
        command_line(*words)
    finally:
        text = str(changes)
        Path(COUNTED).write_text(text)


def killed_at(change: int, *words: str) -> None:
    """Run it up to before its so-manieth change to a file."""
    left = change

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _on_change(count)
    command_line(*words)


def killed_beyond(size: int, *words: str) -> None:
    """Run it up to where a file would become larger than so many bytes, whoever writes it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    command_line(*words)


def with_its_folder_gone(change: int, *words: str) -> None:
    """Run it, with all that is in this folder gone before its so-manieth change to a file."""
    left = change

    def count() -> None:
        nonlocal left
        left -= 1
        if left == -1:
            for path in Path.cwd().iterdir():
                shutil.rmtree(path, ignore_errors=True)

    _on_change(count)
    command_line(*words)


def _on_change(tell: Callable[[], None]) -> None:
    folder, process = str(Path.cwd()), os.getpid()

    def hook(event: str, arguments: tuple) -> None:
        wanted = event in _CHANGES or (event == "open" and arguments[2] & _WRITES)
        if wanted and os.getpid() == process and _is_inside(arguments[0], folder):
            tell()

    sys.addaudithook(hook)


def _is_inside(path: object, folder: str) -> bool:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    return os.path.abspath(os.fsdecode(path)).startswith(folder)  # noqa: PTH100 - pathlib itself would be heard
