"""Options of how and where trials run, whatever they try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.progress import Job


def _silent(_: str) -> None: ...


@dataclass(frozen=True)
class RunOptions:
    """Options of running trials.

    Args:
        device: where models are trained and measured.
        cache: folder that keeps what CTs become; None for the user's.
        overwrite: whether what was done in another way may be given up.
        command: what the user typed.
        say: told single sentences.
        job: told what is being done, and asked whether to go on.
        twin: folder of a trial whose model is taken where training would lead to the same; None to train.
    """

    device: str = "auto"
    cache: Path | None = None
    overwrite: bool = False
    command: str = ""
    say: Callable[[str], None] = _silent
    job: Job = field(default_factory=Job)
    twin: Path | None = None

    def part(self, start: float, end: float) -> RunOptions:
        """The same for a stretch of the job."""
        return replace(self, job=self.job.part(start, end))

    def under(self, name: str) -> RunOptions:
        """The same, with a job whose sentences begin with a name."""
        progress = self.job.progress
        named = replace(self.job, progress=lambda fraction, sentence: progress(fraction, f"{name}: {sentence}"))
        return replace(self, job=named)
