"""The count of what came of a campaign's tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Tries that ended well, in either way, and those that did not.

    Args:
        refused: ended with exit code 3 and one sentence that says what to do.
        handled: ended with a result that was checked.
        failed: a line for each that did neither: what was tried, so that it can be tried again, and what came of it.
    """

    refused: int = 0
    handled: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.refused + self.handled + len(self.failed)

    def add(self, other: Tally) -> None:
        self.refused += other.refused
        self.handled += other.handled
        self.failed += other.failed


def table(tallies: Sequence[tuple[str, Tally, float]]) -> str:
    """Markdown: a row for each campaign by name, with the seconds it took."""
    rows = ["| | tried | refused cleanly | handled | failed | seconds |", "|---|---:|---:|---:|---:|---:|"]
    for name, tally, seconds in tallies:
        counts = (tally.tried, tally.refused, tally.handled, len(tally.failed), round(seconds))
        rows.append(" | ".join([f"| {name}", *(f"{count:,}" for count in counts)]) + " |")
    return "\n".join(rows)
