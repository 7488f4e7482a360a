"""Two runs that would work on the same cases at the same time: the second is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import UserError
from ..scratch import Scratch, sweep
from . import records
from .ranks import Rank

_PREFIX = ".running-"


@contextmanager
def alone(output: Path, rank: Rank) -> Iterator[None]:
    """Mark that a rank works on a cohort, for as long as its process lives.

    Raises:
        UserError: a process that lives has the same share, or shares the cohort out among another number; or the
            folder cannot be written to.
    """
    own_prefix, of = f"{_PREFIX}{rank.number}-", f"of-{rank.count}-"
    folder = output / records.FOLDER
    new = [place for place in (folder, output) if not place.exists()]
    marker = _mark(output, folder, f"{own_prefix}{of}")
    try:
        others = [path.name for path in folder.glob(f"{_PREFIX}*") if path != marker.path]
        for name in others:
            if name.startswith(own_prefix) or of not in name:
                msg = (
                    f"{output} is being written to by another run: wait until it has ended, or choose another folder "
                    f"(if none runs, delete {records.FOLDER}/{name})."
                )
                raise UserError(msg)
        yield
    finally:
        marker.remove()
        for place in new:
            with suppress(OSError):  # it holds something by now
                place.rmdir()


def _mark(output: Path, folder: Path, prefix: str) -> Scratch:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, _PREFIX)
        return Scratch(folder, prefix)
    except OSError as error:
        msg = f"{output} cannot be written to ({error.strerror}): choose a folder you may write to."
        raise UserError(msg) from error
