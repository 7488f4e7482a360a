"""The clicks that wait for an answer: one is looked at, and of each lesion only the newest list waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ...panel.job_runner import IDLE
from ...panel.panel import Panel
from .clicked_lesions import ClickedInto, Clicks

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Asked:
    """Clicks that were asked for.

    Args:
        lesion: that they are of.
        clicks: all of them, in their order.
    """

    lesion: ClickedInto
    clicks: Clicks

    @property
    def unanswered(self) -> Clicks:
        """Those that the lesion does not have yet."""
        return tuple(click for click in self.clicks if click not in self.lesion.clicks)


class ClickQueue:
    """Asks for one list of clicks at a time, whenever the panel has nothing else to do.

    Args:
        panel: that runs the jobs.
        begin: starts the job for what is asked; may have the answer at once.
        failed: called with what got no answer.
    """

    def __init__(self, panel: Panel, begin: Callable[[Asked], None], failed: Callable[[Asked], None]) -> None:
        self._panel, self._begin, self._failed = panel, begin, failed
        self._waiting: list[Asked] = []
        self._is_held = False
        self.asked: Asked | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is looked at and nothing waits."""
        return self.asked is None and not self._waiting

    def newest(self, lesion: ClickedInto) -> Clicks:
        """All clicks into a lesion, those that were not answered yet among them."""
        of_it = [each.clicks for each in (self.asked, *self._waiting) if each and each.lesion is lesion]
        return of_it[-1] if of_it else lesion.clicks

    def add(self, asked: Asked) -> None:
        """Ask for clicks, in place of those of the same lesion that still wait."""
        self._waiting = [each for each in self._waiting if each.lesion is not asked.lesion] + [asked]

    def ask_instead(self, asked: Asked) -> None:
        """Look at other clicks than was thought, as of a lesion that was there already."""
        self.asked = asked

    def answered(self, asked: Asked) -> bool:
        """Take in that an answer came; False where it is not wanted any more."""
        wanted, self.asked = self.asked is asked, None
        self._is_held = False
        return wanted

    def hold(self) -> None:
        """Look at nothing else before the user has said what becomes of the answer that came."""
        self._is_held = True

    def release(self) -> None:
        """Go on; what was looked at has come to nothing unless it was answered."""
        self._is_held = False

    def take_back(self) -> bool:
        """Drop the newest click that has no answer yet; False where there is none."""
        newest = self._waiting.pop() if self._waiting else self.asked
        if newest is None:
            return False
        if newest is self.asked:
            self.asked = None
            self._is_held = False
        last = newest.unanswered[-1:]  # none where a click was to be removed
        left = Asked(newest.lesion, tuple(click for click in newest.clicks if click not in last))
        if last and left.unanswered and left != self.asked:
            self.add(left)
        return True

    def clear(self) -> None:
        """Drop all; the answer to what is looked at will not be wanted."""
        self._waiting.clear()
        self.asked = None
        self._is_held = False

    async def run(self) -> None:
        """Ask for what waits, one after another, until nothing does."""
        while self._waiting:
            await self._idle()
            if not self._waiting:
                break
            self.asked = self._waiting.pop(0)
            self._panel.attempt(self._begin_asked)
            asked = self.asked
            await self._idle()
            if asked is not None and self.asked is asked:
                self.asked = None
                self._drop(asked)
                self._failed(asked)

    def _begin_asked(self) -> None:
        if self.asked:
            self._begin(self.asked)

    async def _idle(self) -> None:
        while self._is_held or self._panel.state not in IDLE:
            await asyncio.sleep(_POLL_SECONDS)

    def _drop(self, asked: Asked) -> None:
        """Take the clicks that came to nothing out of those that wait: the others still count."""
        bad = asked.unanswered
        left = [Asked(each.lesion, tuple(c for c in each.clicks if c not in bad)) for each in self._waiting]
        self._waiting = [now for each, now in zip(self._waiting, left, strict=True) if now == each or now.unanswered]
