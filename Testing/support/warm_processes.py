"""Processes forked from one that has loaded the library, so that each begins without seconds of imports."""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

from support.waiting import PATIENCE

COMMAND = "from LiverTumorSegLib.apps.cli import main; main()"

PACKAGES = ("torch", "numpy", "scipy.ndimage", "SimpleITK", "nibabel")
LIBRARY = ("LiverTumorSegLib.apps.cli", "LiverTumorSegLib.inference.segment")
"""Modules that most commands need."""

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([*PACKAGES, "lightning.pytorch", *LIBRARY, "LiverTumorSegLib.training.fit"])
"""One a test process; those that tests start inherit what it has loaded, and nothing of the tests."""


class WarmProcess:
    """A process at work; its output goes to files.

    Args:
        words: its arguments.
        code: Python to run; by default the command ``livertumorseg``.
        environment: all of its variables; those of this process where there are none.
    """

    def __init__(self, *words, code=COMMAND, environment=None):
        self._folder = tempfile.TemporaryDirectory()
        self._said = [Path(self._folder.name, name) for name in ("out", "err")]
        chosen = dict(os.environ if environment is None else environment)
        arguments = (["livertumorseg", *map(str, words)], code, list(map(str, self._said)), chosen)
        self._process = SERVER.Process(target=_live, args=arguments)
        self._process.start()

    def wait(self, seconds=PATIENCE):
        """Exit code, minus the signal where one ended it; what it printed; what it said on standard error."""
        self._process.join(seconds)
        code = self._process.exitcode
        self._process.kill()
        said = [path.read_text() if path.exists() else "" for path in self._said]
        self._folder.cleanup()
        return code, *said


def _live(words, code, said, environment):
    become(environment)
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = words
    exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})  # noqa: S102


def become(environment):
    """Take on other variables, in a process that was just forked, and what has been read of them before."""
    import torch

    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    if "OMP_NUM_THREADS" in environment:
        torch.set_num_threads(int(environment["OMP_NUM_THREADS"]))
