"""Whether a process stays as large as it is while it does the same again and again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median

import psutil

MOST_GROWTH_MB = 8
"""From the second fifth of the samples to the last: allocators wander by under a megabyte, a leak goes on."""


@dataclass(frozen=True)
class Level:
    """The resources that a process holds at one moment, its children included.

    Args:
        mb: resident memory.
        handles: open files, pipes and sockets.
        threads: of all the processes.
        processes: itself and its children.
        temporary: entries of the folder for temporary files.
    """

    mb: float
    handles: int
    threads: int
    processes: int
    temporary: int

    @classmethod
    def now(cls, process: psutil.Process | None = None) -> Level:
        """The level of a process, by default of this one."""
        first = process or psutil.Process()
        family = [first, *first.children(recursive=True)]
        return cls(
            sum(each.memory_info().rss for each in family) / 1e6,
            sum(each.num_fds() for each in family),
            sum(each.num_threads() for each in family),
            len(family),
            len(os.listdir(tempfile.gettempdir())),
        )

    @classmethod
    def lowest(cls, levels: Sequence[Level]) -> Level:
        """The least of each figure, which no passing moment raises."""
        return cls(**{each.name: min(getattr(level, each.name) for level in levels) for each in fields(cls)})


def growth(levels: Sequence[Level]) -> dict[str, float]:
    """By how much each median of the last fifth is above that of the second fifth: the first one warms up."""
    fifth = max(1, len(levels) // 5)
    early, late = ([asdict(level) for level in part] for part in (levels[fifth : 2 * fifth], levels[-fifth:]))
    return {name: median(each[name] for each in late) - median(each[name] for each in early) for name in early[0]}


def rising(levels: Sequence[Level]) -> str:
    """The resources that rose, in words; empty where none did."""
    found = growth(levels)
    return ", ".join(f"{name} {by:+.1f}" for name, by in found.items() if by > (MOST_GROWTH_MB if name == "mb" else 0))
