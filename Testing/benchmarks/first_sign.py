"""Seconds until a command shows on a terminal that it works, and the longest time in which it then shows nothing.

    python Testing/benchmarks/first_sign.py [--warm] [COMMAND...]

Each command runs in a pseudo-terminal of its own, with what it imports put out of the system's file cache before, as
far as no other process uses it; --warm leaves the cache alone. Linux alone can do this.
"""

import argparse
import os
import pty
import shlex
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

MOST_FIRST_S, MOST_SILENT_S = 1.0, 2.0
"""What is promised of each command."""

COMMANDS = (
    "phantom {folder}/ct.nii.gz",
    "segment {folder}/ct.nii.gz -o {folder}/labels.seg.nrrd --report {folder}/report",
    "segment-cohort {folder}/list.txt -o {folder}/cohort --report {folder}/reports",
    "evaluate {folder}/labels.seg.nrrd {folder}/ct-labels.nii.gz -o {folder}/evaluation",
    "export unet-lits --format onnx -o {folder}/onnx",
)
_BYTES = 1 << 16


@dataclass(frozen=True)
class Watched:
    """What was seen of a command.

    Args:
        first: seconds until it showed anything.
        silent: the longest time, in seconds, between two signs.
        ended: seconds until its process had ended.
        code: exit code.
    """

    first: float
    silent: float
    ended: float
    code: int


def watch(words: list[str]) -> Watched:
    """Run ``livertumorseg`` with these words in a terminal."""
    began = time.monotonic()
    process, terminal = pty.fork()
    if not process:
        os.execv(sys.executable, [sys.executable, "-m", "LiverTumorSegLib.apps.cli", *words])  # noqa: S606
    signs = []
    while _reads(terminal):
        signs.append(time.monotonic() - began)
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    gaps = [after - before for before, after in pairwise(signs)]
    ended = time.monotonic() - began
    return Watched(signs[0] if signs else ended, max(gaps, default=0.0), ended, os.waitstatus_to_exitcode(status))


def _reads(terminal: int) -> bool:
    try:
        return bool(os.read(terminal, _BYTES))
    except OSError:  # the process has ended
        return False


def forget_files() -> None:
    """Put the files of the environment's packages out of the file cache, but for those that are in use."""
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for file in Path(place).rglob("*"):
            if file.is_file():
                with file.open("rb") as content:
                    os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> int:
    """Print a line a command; 1 where one keeps silent for longer than is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warm", action="store_true", help="leave the file cache alone")
    parser.add_argument("commands", nargs="*", default=COMMANDS)
    given, late = parser.parse_args(), 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "list.txt").write_text("ct.nii.gz\n", encoding="utf-8")
        for command in given.commands:
            if not given.warm:
                forget_files()
            seen = watch(shlex.split(command.format(folder=folder)))
            late += seen.first > MOST_FIRST_S or seen.silent > MOST_SILENT_S
            said = (
                f"first sign after {seen.first:.2f} s, silent for {seen.silent:.2f} s, ended after {seen.ended:.1f} s"
            )
            print(f"livertumorseg {command.split()[0]}: {said}, exit code {seen.code}")
    return int(late > 0)


if __name__ == "__main__":
    raise SystemExit(main())
