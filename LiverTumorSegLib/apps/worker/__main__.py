"""The child process: ``python -m LiverTumorSegLib.apps.worker [--idle SECONDS] [--scratch FOLDER] [--from FOLDER]``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import traceback
from pathlib import Path

from .server import Server


def main() -> None:
    """Serve until the pipe to the client closes or the idle time is over."""
    parser = argparse.ArgumentParser(prog="LiverTumorSegLib.apps.worker", description=__doc__)
    parser.add_argument("--idle", type=float, default=600, metavar="SECONDS", help="end after this time without work")
    parser.add_argument("--scratch", type=Path, help="folder of the exchanged files, deleted at the end")
    parser.add_argument(
        "--from", type=Path, default=Path(), dest="base", metavar="FOLDER", help="that relative paths start from"
    )
    chosen = parser.parse_args()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints to standard output must not get between the messages
    sys.stdout = sys.stderr
    code = 0
    try:
        Server(sys.stdin.buffer, answers, idle_seconds=chosen.idle, base=chosen.base).run()
    except BrokenPipeError:  # the client is gone
        pass
    except BaseException:  # noqa: BLE001 the client reads the log
        traceback.print_exc()
        code = 1
    if chosen.scratch and code == 0:
        os.chdir(chosen.scratch.parent)  # Windows deletes no folder that a process works in
        shutil.rmtree(chosen.scratch, ignore_errors=True)
    sys.stderr.flush()
    os._exit(code)  # the thread that reads the pipe may still wait for it


if __name__ == "__main__":
    main()
