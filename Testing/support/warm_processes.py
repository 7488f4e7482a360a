"""Command lines in processes of their own, forked from one that has loaded the library: without seconds of imports."""

import multiprocessing
import os
import runpy
import sys
from pathlib import Path

from support.waiting import PATIENCE

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["LiverTumorSegLib.apps.cli", "LiverTumorSegLib.training.fit", "lightning.pytorch"])


class WarmProcess:
    """A command line at work; its output goes to files.

    Args:
        script: a Python file that is run in place of the command ``livertumorseg``; None for the command itself.
        words: what follows the script's or the command's name.
        folder: where its output is kept.
        environment: all of its variables.
    """

    def __init__(self, script, words, folder, environment):
        self._said = folder / f"{len(list(folder.iterdir()))}.err"
        self._process = _CONTEXT.Process(target=_live, args=(script, [*map(str, words)], self._said, environment))
        self._said.touch()
        self._process.start()

    def wait(self, seconds=PATIENCE):
        """Exit code, minus the signal where one ended it, and what it said on standard error."""
        self._process.join(seconds)
        code = self._process.exitcode
        self._process.kill()
        return code, self._said.read_text()


def _live(script, words, said, environment):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(said, os.O_WRONLY), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [script or "livertumorseg", *words]
    if script:
        sys.path.insert(0, str(Path(script).parents[1]))
        runpy.run_path(str(script), run_name="__main__")
    else:
        from LiverTumorSegLib.apps import cli

        cli.main()
