"""The course of a row's trainings: curves from their logs, whether these had flattened, and the time that they took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ...core.atomic_files import whole_file
from ...core.progress import Job
from ...core.schema import StrictModel
from ...training.log_table import last_value, read_rows
from ..record import MODEL_FOLDER

_GAIN, _LAST = 0.02, 3
_POINTS, _FEWEST = 24, 6

FLAT_RULE = (
    "A curve counts as flattened where the training ended by itself before its last step, or where the lowest loss of "
    f"the last third is less than {100 * _GAIN:.0f} % below the lowest before; of what was validated on where "
    "there were validations, else of what was trained on. Of fewer than six points nothing is said."
)

Points = tuple[tuple[int, float], ...]


class Course(StrictModel):
    """The course of one training.

    Args:
        steps: that it took.
        planned: that it would have taken at most.
        loss: by step, each the mean over the steps since the point before; of many points some.
        validation: loss of what was validated on, by step; empty where there were no validations.
        flattened: see :data:`FLAT_RULE`; None where too little is known.
    """

    steps: int
    planned: int
    loss: Points
    validation: Points = ()
    flattened: bool | None = None


def read_course(trial: Path, planned: int) -> Course | None:
    """The course of a trial's training, from its log; None where that has no rows.

    Args:
        trial: its folder.
        planned: steps of its recipe.
    """
    rows = read_rows(trial / MODEL_FOLDER)
    loss, validation = (_points_of(rows, name) for name in ("loss", "validation_loss"))
    last = last_value(rows, "step")
    if not loss or last is None:
        return None
    return Course(
        steps=int(last),
        planned=planned,
        loss=_thinned(loss),
        validation=_thinned(validation),
        flattened=True if last < planned else has_flattened(validation or loss),
    )


def _points_of(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[int, float]]:
    return [(int(row["step"]), row[name]) for row in rows if name in row and "step" in row]


def has_flattened(points: Sequence[tuple[int, float]]) -> bool | None:
    """Whether a loss had stopped falling in the end, see :data:`FLAT_RULE`.

    Args:
        points: step and loss, the earliest first.
    """
    if len(points) < _FEWEST:
        return None
    at = len(points) - len(points) // _LAST
    before, after = (min(loss for _, loss in part) for part in (points[:at], points[at:]))
    return before - after < _GAIN * abs(before)


def _thinned(points: Sequence[tuple[int, float]]) -> Points:
    """Some of many points, the first and the last among them, each the mean of those around it."""
    if len(points) <= _POINTS:
        return tuple((step, float(f"{loss:.4g}")) for step, loss in points)
    edges = [len(points) * part // _POINTS for part in range(_POINTS + 1)]
    parts = [points[start:end] for start, end in pairwise(edges)]
    return tuple((part[-1][0], float(f"{sum(loss for _, loss in part) / len(part):.4g}")) for part in parts)


class Stopwatch:
    """Counts the seconds that a row takes, on disk, so that a row that goes on after a kill counts on.

    Args:
        folder: of the row.
    """

    FILE = "seconds.txt"
    _EVERY = 10.0

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.FILE
        self._before, self._since = self._read(), time.monotonic()
        self._written = self._since

    @property
    def seconds(self) -> float:
        """Until now, with those of earlier runs."""
        return self._before + time.monotonic() - self._since

    def watched(self, job: Job) -> Job:
        """A job whose reports are occasions to write the time down."""

        def progress(fraction: float, sentence: str) -> None:
            job.progress(fraction, sentence)
            if time.monotonic() - self._written > self._EVERY:
                self.write()

        return replace(job, progress=progress)

    def write(self) -> None:
        """Write the time down.

        Raises:
            UserError: the folder cannot be written to.
        """
        self._written = time.monotonic()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self._path, overwrite=True) as new:
            new.write_text(f"{self.seconds:.1f}\n", encoding="utf-8")

    def _read(self) -> float:
        try:
            return float(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0.0
