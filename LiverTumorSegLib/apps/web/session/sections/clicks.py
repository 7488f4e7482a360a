"""Lesions by clicks: add one, improve one with clicks inside and outside, and take clicks away again."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import Any

import numpy as np
from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_slicer.views import SliceView

from .....core.volume import Volume
from ....panel import click_texts
from ....panel.clicks import ClickedLesion, LesionClick
from ....panel.job_runner import IDLE
from ....panel.mrml_results import ResultNodes
from ..aria import aria
from ..click_points import drawn, middle_of, moved_in, place_at
from ..click_queue import Asked, ClickQueue
from ..clicked_lesions import ClickedInto, ClickedLesions, Clicks
from ..first_result import make_first_result
from ..outside_liver import Outside
from ..session import Session
from .base import Section, heading
from .click_controls import add_click_list, add_mode, add_sides
from .corrections import CorrectionSection

_NONE, _ADD, _IMPROVE = "", "add", "improve"
_INSIDE, _OUTSIDE = "inside", "outside"
_HINTS = {
    _NONE: "",
    _ADD: "Click into a lesion in a slice view. Esc ends.",
    _IMPROVE: "Click where lesion is missing (+), or is too much (−): T or Ctrl turn the sign. Esc ends.",
}
_KEYS = "Keys: A adds, I improves, T turns the sign. In a view the arrows and Page Up and Down aim, Enter clicks."
_MOST_STEPS = 10


class ClickSection(Section):
    """Adds lesions and improves them by clicks in the slice views.

    Args:
        session: whose views are clicked into.
        corrections: that show and undo what clicks change.
    """

    def __init__(self, session: Session, corrections: CorrectionSection) -> None:
        super().__init__(session)
        self._corrections = corrections.corrections
        self._lesions = ClickedLesions(self._corrections)
        self._said: tuple[ClickedInto | None, Clicks] = (None, ())
        self._queue = ClickQueue(self.panel, self._begin, self._on_failed)
        self._taken: ResultNodes | None = None
        self._seen: Any = None
        self._prepared: Volume | None = None
        self._running: asyncio.Task[None] | None = None
        corrections.take_back_click = self._take_back
        corrections.before_measuring = self._lesions.mark_again
        corrections.look_again = self._lesions.look_again

    def build(self) -> None:
        """Two buttons, the sign of the next click, what came of the last, and the clicks of the lesion."""
        self.state.update({"click_mode": _NONE, "click_side": _INSIDE, "click_said": "", "click_warnings": []})
        self.state.update({"clicks": [], "can_improve": False, "looking": False, "click_hints": _HINTS})
        with html.Div(v_if=("ct_name",), id="clicking"):
            heading("Lesions by clicks")
            with html.Div(classes="d-flex flex-wrap ga-2 mb-1"):
                add_mode(_ADD, "Add lesion", "segmenting")
                add_mode(_IMPROVE, "Improve", "segmenting || !(can_improve || row >= 0)")
                add_sides(f"click_mode === '{_IMPROVE}'", {_INSIDE: "+ Inside", _OUTSIDE: "− Outside"})
            html.Div("{{ click_hints[click_mode] }}", classes="lts-note", id="click-hint", raw_attrs=aria("status"))
            html.Div(_KEYS, v_if=("click_mode",), classes="lts-note")
            html.Div("{{ looking ? 'Looking…' : click_said }}", id="click-said", raw_attrs=aria("status"))
            v3.VAlert(
                "{{ warning }}",
                v_for="warning in click_warnings",
                key="warning",
                type="warning",
                variant="tonal",
                density="compact",
                classes="my-1 click-warning",
            )
            add_click_list(self._on_go, self._on_remove)
        self.state.change("click_mode")(self._on_mode)
        self.state.change("row")(self._on_row)
        self.state.change("tool")(self._on_tool)
        self.state.change("segmenting")(self._on_segmenting)
        triggers = {"click_lesion": self._on_click, "move_click": self._on_move, "aim_lesion": self._on_aim}
        for name, work in triggers.items():
            self.session.server.trigger(name)(work)
        for view in self._views.values():
            view.modified.connect(self._draw)

    @property
    def _views(self) -> dict[str, SliceView]:
        return {view.get_singleton_tag(): view for view in self.session.scene.view_manager.get_slice_views()}

    def show(self) -> None:
        """Forget the clicks of another CT or result, and show those of the lesion that is clicked into."""
        node, nodes = self.session.volume, self.session.nodes
        if self._seen is not node:
            self._seen = node
            self._forget()
        if nodes is not self._taken:
            before, self._taken = self._taken, nodes
            if before and nodes and before.table is nodes.table:
                self._lesions.look_again()
            else:
                self._lesions.forget()
        if self._said[0] and self._said[0].clicks != self._said[1]:  # it was undone
            self._said = None, ()
            self.state.update({"click_said": "", "click_warnings": []})
        self.state.looking = not self._queue.is_empty
        self.state.can_improve = self._lesion is not None
        self._show_clicks()

    def _forget(self) -> None:
        self._queue.clear()
        self._lesions.forget()
        self._prepared = None
        self._said = None, ()
        self.state.update({"click_mode": _NONE, "click_said": "", "click_warnings": []})

    @property
    def _lesion(self) -> ClickedInto | None:
        """The one that further clicks are of."""
        lesion = self._lesions.current
        return None if lesion is None or (lesion.is_new and not self._queue.newest(lesion)) else lesion

    @property
    def _clicks(self) -> Clicks:
        """Of that lesion, with those that are not answered yet."""
        lesion = self._lesion
        return self._queue.newest(lesion) if lesion else ()

    @property
    def _volume(self) -> Volume:
        """The CT."""
        return self.session.jobs.volumes.of(self.session.volume)

    def _show_clicks(self) -> None:
        told = [{"n": n, "inside": click.inside} for n, click in enumerate(self._clicks, start=1)]
        if told != self.state.clicks:
            self.state.clicks = told
        self._draw()

    def _draw(self, *_: Any) -> None:
        """Put the clicks where the views show their places now."""
        answered = self._lesion.clicks if self._lesion else ()
        known = [
            (click.point, {"n": n, "inside": click.inside, "waits": click not in answered})
            for n, click in enumerate(self._clicks, start=1)
        ]
        for tag, view in self._views.items():
            points = drawn(view, known)
            if points != self.state[f"{tag.lower()}_points"]:
                self.state[f"{tag.lower()}_points"] = points

    def _on_mode(self, click_mode: str, **_: Any) -> None:
        if click_mode == _NONE:
            self._on_end()
            return
        if click_mode not in _HINTS or self.session.volume is None or self.state.segmenting:
            self.state.click_mode = _NONE
            return
        self.state.tool = "none"
        self._on_row()
        self._show_clicks()
        self.panel.attempt(self._prepare)

    def _on_end(self) -> None:
        if self.state.row < 0:
            self.session.views.leave()

    def _on_row(self, *_: Any, **__: Any) -> None:
        """Improve the lesion in the row that was chosen."""
        if self.state.click_mode == _IMPROVE and self.state.row >= 0:
            self.panel.attempt(self._take_row)
            self._show_clicks()
        elif self.state.click_mode == _IMPROVE and self._lesion is None:
            self.state.click_mode = _NONE

    def _take_row(self) -> None:
        self._lesions.current = self._lesions.of_row(int(self.state.row))

    def _on_tool(self, tool: str, **_: Any) -> None:
        if tool != "none":
            self.state.click_mode = _NONE

    def _on_segmenting(self, segmenting: bool, **_: Any) -> None:
        """End the mode: clicks would be lost with the result that they are made in."""
        if segmenting:
            self._queue.clear()
            self.state.click_mode = _NONE

    def _prepare(self) -> None:
        """Hand the CT over before the first click, so that this is answered as fast as the others."""
        if self._prepared is not self._volume and self.panel.state in IDLE:
            self._prepared = self._volume
            self.panel.prepare_clicks(self._volume, device=self.session.choices.device)

    def _on_click(self, tag: str, mode: str, inside: bool, *shares: float) -> None:
        """Take a click into a view: at shares of its width and height, or where the keys aim, which is its middle."""
        view = self._views.get(tag)
        if view is None or self.session.volume is None or mode not in (_ADD, _IMPROVE) or self.state.segmenting:
            return
        if not shares:
            place = middle_of(view.get_view_node())
        elif _is_in_view(shares):
            place = place_at(view.get_view_node(), *shares)
        else:
            return
        with self.state as state:
            if state.click_mode != mode:  # it arrives after the click
                state.click_mode = mode
                self._on_mode(mode)
            self.panel.attempt(lambda: self._click(mode, LesionClick(place, bool(inside))))

    def _click(self, mode: str, click: LesionClick) -> None:
        if mode == _ADD:
            self.state.click_mode = _NONE
            self._lesions.current = ClickedInto()
            self._ask(Asked(self._lesions.current, (click,)))
            return
        lesion = self._lesion
        if lesion is None:
            self.state.click_mode = _NONE
            return
        if not self._is_there(click, self._clicks):
            self._ask(Asked(lesion, (*self._clicks, click)))

    def _is_there(self, click: LesionClick, clicks: tuple[LesionClick, ...]) -> bool:
        """Whether there is such a click in the same voxel, as the second of a double click."""
        to_voxel = np.linalg.inv(self._volume.affine)
        voxels = [np.rint(to_voxel @ [*each.point, 1]).tolist() for each in (click, *clicks)]
        return any(at == voxels[0] and old.inside == click.inside for at, old in zip(voxels[1:], clicks, strict=True))

    def _ask(self, asked: Asked) -> None:
        self._queue.add(asked)
        if self._running is None or self._running.done():
            self._running = self.session.start(self._answer())
        self.show()

    async def _answer(self) -> None:
        await self._queue.run()
        with self.state:
            self.show()

    def _begin(self, asked: Asked) -> None:
        if asked.lesion.is_new:
            asked = self._resolved(asked)
        if asked.clicks:
            labels, base = self._lesions.around(asked.lesion)
            done = partial(self._on_answer, asked)
            device = self.session.choices.device
            self.panel.click(self._volume, labels, asked.clicks, done, base=base, device=device)
        else:
            self._on_answer(asked, None)

    def _resolved(self, asked: Asked) -> Asked:
        """The same of the lesion that the first click lies in, where there is one."""
        lesion = self._lesions.at(asked.lesion, self._volume, asked.clicks[0])
        if self._lesions.current is asked.lesion:
            self._lesions.current = lesion
        more = tuple(click for click in asked.clicks if click not in lesion.clicks)
        found = Asked(lesion, (*lesion.clicks, *more))
        self._queue.ask_instead(found)
        return found

    def _on_answer(self, asked: Asked, answer: ClickedLesion | None) -> None:
        """Show an answer, after a question where the lesion would newly go beyond the liver."""
        if self._queue.asked is not asked or self.session.volume is None:
            self._queue.answered(asked)
            return
        lesion, lesions = asked.lesion, self._lesions
        if answer and lesion.is_within and lesion.clicks:
            self._on_outside(asked, answer, Outside.WITHIN)
        elif answer and (part := lesions.outside(answer)):
            self._queue.hold()
            self._corrections.ask_outside(part, partial(self._on_outside, asked, answer))
        else:
            self._take(asked, answer)

    def _on_outside(self, asked: Asked, answer: ClickedLesion, choice: Outside) -> None:
        if self._queue.asked is not asked:
            return
        ended = self._lesions.ended(asked.lesion, answer, choice)
        if ended is None:
            self._queue.release()
        else:
            self._take(asked, ended)

    def _take(self, asked: Asked, answer: ClickedLesion | None) -> None:
        self._queue.answered(asked)
        with self.state as state:
            current, nodes = self._lesions.current, self._nodes()
            self._lesions.become(nodes, asked.lesion, asked.clicks, answer)
            self._lesions.current = current  # another row may have been chosen meanwhile
            state.click_said = click_texts.clicked(answer) if answer else ""
            state.click_warnings = list(answer.warnings) if answer else []
            self._said = asked.lesion, asked.clicks
            self.show()

    def _nodes(self) -> ResultNodes:
        """The result, which is made where there is none."""
        session = self.session
        if session.nodes is None:
            one_each = session.choices.one_each
            session.nodes = make_first_result(session.volume, self._volume, one_each=one_each)
            session.tell()
        return session.nodes

    def _on_failed(self, asked: Asked) -> None:
        """Let a lesion be added again after a click that came to nothing; why is shown as the panel's error."""
        with self.state as state:
            state.click_said, state.click_warnings = "", []
            if asked.lesion.is_new and not state.click_mode and not state.segmenting and state.tool == "none":
                state.click_mode = _ADD
            self.show()

    def _on_remove(self, number: int) -> None:
        lesion, clicks = self._lesion, self._clicks
        if lesion is not None and isinstance(number, int) and 0 < number <= len(clicks):
            self._ask(Asked(lesion, (*clicks[: number - 1], *clicks[number:])))

    def _on_move(self, number: int, tag: str, *shares: float) -> None:
        """Ask again with a click at another place of a view, to which it was dragged."""
        view, lesion, clicks = self._views.get(tag), self._lesion, self._clicks
        if view is None or lesion is None or self.state.segmenting or not _is_in_view(shares):
            return
        if isinstance(number, int) and 0 < number <= len(clicks):
            before, after = clicks[: number - 1], clicks[number:]
            moved = LesionClick(place_at(view.get_view_node(), *shares), clicks[number - 1].inside)
            if not self._is_there(moved, (*before, *after)):
                self.panel.attempt(lambda: self._ask(Asked(lesion, (*before, moved, *after))))

    def _on_go(self, number: int) -> None:
        clicks = self._clicks
        if isinstance(number, int) and 0 < number <= len(clicks):
            self.session.views.go_to(clicks[number - 1].point)

    def _take_back(self) -> bool:
        """Drop a click that is not answered yet, in place of undoing what was done before it."""
        dropped = self._queue.take_back()
        self.show()
        return dropped

    def _on_aim(self, tag: str, *steps: float) -> None:
        """Move the place that Enter clicks at: so many voxels to the right and up, and so many slices.

        The page sends steps in a mode alone; the mode itself may arrive after them.
        """
        view = self._views.get(tag)
        if view is None or self.session.volume is None or len(steps) != 3:
            return
        right, up, through = (
            round(max(-_MOST_STEPS, min(_MOST_STEPS, step)))
            if isinstance(step, (int, float)) and math.isfinite(step)
            else 0
            for step in steps
        )
        with self.state:
            self.session.views.go_to(moved_in(view, (right, up, through), min(self._volume.spacing)))


def _is_in_view(shares: tuple[float, ...]) -> bool:
    """Whether these are shares of a view's width and height."""
    return len(shares) == 2 and all(isinstance(share, (int, float)) and 0 <= share <= 1 for share in shares)
