"""Python started as a child that imports nothing from the working folder.

For ``-m`` and ``-c`` Python looks for modules there before anywhere else: started in a folder of downloads, it would
run a ``numpy.py`` that lies in it. Whatever starts a child takes its command line and its surroundings from here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from multiprocessing import util
from pathlib import Path
from typing import Any

_HAS_SAFE_PATH = hasattr(sys.flags, "safe_path")  # from Python 3.11 on
_SAFE_PATH = "PYTHONSAFEPATH"
_BEFORE_3_11 = (
    "import sys; sys.path[:] = filter(None, sys.path); "  # sys is built in, and the working folder is the empty entry
    "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
_FOLDERS = ("LIVERTUMORSEG_MODELS", "XDG_DATA_HOME", "TMPDIR", "TEMP", "TMP")
"""Variables that name folders: a relative one is of this process's working folder, not of the child's."""
_NOT_OURS = frozenset({"ITK_AUTOLOAD_PATH"})
"""Variables that a child does not get: 3D Slicer names plug-ins there that are built for its own ITK, and no other."""


def command(module: str, words: Sequence[str] = (), python: Sequence[str] = ()) -> list[str]:
    """The command line that runs a module of the library as a program.

    Args:
        module: by its full name.
        words: arguments of the program.
        python: interpreter and options; by default the running one.
    """
    program, *options = python or [sys.executable]
    if os.path.dirname(program):  # noqa: PTH120, "./python" is not "python"
        program = os.path.abspath(program)  # noqa: PTH100, of a link itself
    safely = ["-P", "-X", "utf8", "-m"] if _HAS_SAFE_PATH else ["-X", "utf8", "-c", _BEFORE_3_11]
    return [program, *options, *safely, module, *words]


def start_options(folder: Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Working folder and environment of a child, as options for whatever starts it.

    The child and what it starts itself find the library where this process found it, also where it is not installed.

    Args:
        folder: of the child alone, where nobody else can put a file.
        variables: added to the environment.
    """
    placed = {name: os.path.abspath(os.environ[name]) for name in _FOLDERS if os.environ.get(name)}  # noqa: PTH100
    own = _own() | {"PYTHONIOENCODING": "utf-8"}
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    return {"cwd": folder, "env": inherited | placed | own | dict(variables or {})}


@contextmanager
def isolated_spawn() -> Iterator[None]:
    """While ``multiprocessing`` starts interpreters, which takes neither command line nor surroundings from here."""
    before = {name: os.environ.get(name) for name in _own()}
    os.environ.update(_own())
    try:
        with nullcontext() if _HAS_SAFE_PATH else _isolated():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _isolated() -> Iterator[None]:
    """While interpreters are started with ``-I``; they get this one's whole search path before they load anything."""
    flags = util._args_from_interpreter_flags  # type: ignore[attr-defined]  # noqa: SLF001
    util._args_from_interpreter_flags = lambda: [*flags(), "-I"]  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield
    finally:
        util._args_from_interpreter_flags = flags  # type: ignore[attr-defined]  # noqa: SLF001


def _own() -> dict[str, str]:
    return {_SAFE_PATH: "1", "PYTHONPATH": _search_path()}


def _search_path() -> str:
    """The library's parent first; an empty entry, which would be the working folder, is left out."""
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join([str(Path(__file__).resolve().parents[2]), *map(os.path.abspath, given)])
