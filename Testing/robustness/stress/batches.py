"""Small tries by the hundred thousand: each is made by its number, in forks that carry on after a crash or a hang."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from .tally import Tally

PROCESSES = "STRESS_PROCESSES"
"""Variable that says how many processes make the tries of a campaign; one where it is not set."""

_HANDLED, _REFUSED = "handled", "refused"
_LONG = 10_000


@dataclass(frozen=True)
class Batches:
    """A campaign of tries that run in forks of this process.

    Args:
        name: of the campaign.
        attempt: makes the try that a generator draws, in an empty folder; true where the product handled it and what
            came out was checked, false where it was refused in one sentence. Whatever it raises is a failure.
        seconds: after which a try counts as hung.
        memory: bytes of address space that tries may have beyond what is loaded.
        size: tries a fork.
    """

    name: str
    attempt: Callable[[Random, Path], bool]
    seconds: float = 20
    memory: int = 3 << 30
    size: int = 500

    def run(self, tries: int, seed: int, folder: Path) -> Tally:
        """Make the tries 0 to ``tries - 1`` of a seed."""
        parts = [range(start, min(start + self.size, tries)) for start in range(0, tries, self.size)]
        work = partial(_carried_out, self, seed, folder)
        processes, tally = int(os.environ.get(PROCESSES, "1")), Tally()
        with _mapper(processes) as mapped:
            for found in mapped(work, parts):
                tally.add(found)
                _tell(self.name, tally, tries)
        return tally

    def only(self, number: int, seed: int, folder: Path) -> bool:
        """Make one try in this process; what goes wrong is raised."""
        for name in ("box", "tmp"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir()
        before = tempfile.tempdir
        tempfile.tempdir = str(folder / "tmp")
        try:
            handled = self.attempt(Random(f"{seed}:{number}"), folder / "box")
        finally:
            tempfile.tempdir = before
        left = len(list((folder / "tmp").iterdir()))
        assert not left, f"{left} files left behind in the folder for temporary files"
        return handled


@contextmanager
def _mapper(processes: int) -> Iterator[Callable[..., Iterable[Tally]]]:
    if processes == 1:
        yield map
        return
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield pool.imap


def _tell(name: str, tally: Tally, tries: int) -> None:
    """Say how far a long campaign is: it may be stopped before its table."""
    if tries >= _LONG and tally.tried % _LONG == 0:
        said = f"{tally.refused:,} refused, {tally.handled:,} handled, {len(tally.failed):,} failed"
        print(f"{name}: {tally.tried:,} of {tries:,} tried, {said}", file=sys.stderr, flush=True)


def _carried_out(batches: Batches, seed: int, folder: Path, numbers: Sequence[int]) -> Tally:
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        while len(numbers):
            numbers = numbers[_one_fork(batches, seed, Path(place), numbers, tally) :]
    return tally


def _one_fork(batches: Batches, seed: int, place: Path, numbers: Sequence[int], tally: Tally) -> int:
    """Make tries until one takes the process with it; how many there were."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _live(batches, seed, place, numbers, writing)
    os.close(writing)
    done = 0
    for verdict in _lines(reading, batches.seconds):
        _count(verdict, f"{batches.name} --seed {seed} --only {numbers[done]}", tally)
        done += 1
        if done == len(numbers):
            break
    hung = bool(done < len(numbers) and not select.select([reading], [], [], 0)[0])
    os.close(reading)
    if hung:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if done == len(numbers):
        return done
    ended = f"hung, over {batches.seconds:g} s" if hung else f"died with code {code}"
    _count(ended, f"{batches.name} --seed {seed} --only {numbers[done]}", tally)
    return done + 1


def _lines(reading: int, seconds: float) -> Iterator[str]:
    """Lines as they come, until the other end closes or is silent for too long."""
    rest = b""
    while select.select([reading], [], [], seconds)[0]:
        content = os.read(reading, 1 << 16)
        if not content:
            return
        *lines, rest = (rest + content).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _count(verdict: str, which: str, tally: Tally) -> None:
    if verdict == _HANDLED:
        tally.handled += 1
    elif verdict == _REFUSED:
        tally.refused += 1
    else:
        tally.failed.append(f"{which}: {verdict}")


def _live(batches: Batches, seed: int, place: Path, numbers: Sequence[int], writing: int) -> None:
    """Be the fork: make the tries and tell what came of each."""
    try:
        faulthandler.disable()  # a crash is told by the exit code
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        said = os.open(place / "said", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        warnings.simplefilter("always", append=True)  # each try by itself, as a user would see it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + batches.memory,) * 2)
        for number in numbers:
            os.write(writing, json.dumps(_verdict(batches, number, seed, place, said)).encode() + b"\n")
    finally:
        os._exit(0)


def _verdict(batches: Batches, number: int, seed: int, place: Path, said: int) -> str:
    os.ftruncate(said, 0)
    os.lseek(said, 0, os.SEEK_SET)
    try:
        verdict = _HANDLED if batches.only(number, seed, place) else _REFUSED
    except BaseException as error:  # noqa: BLE001 - what gets here is what the campaign is for
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if os.fstat(said).st_size:
        return f"{verdict}, but printed {os.pread(said, 300, 0)!r}"
    return verdict
