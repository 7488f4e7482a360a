"""What the panels say of clicks into lesions: what to do with the mouse, and what came of it."""

from __future__ import annotations

from .clicks import ClickedLesion
from .texts import _


def click_hint(mode: str, *, outside: bool, placing: bool) -> str:
    """What to do with the mouse, as plain text.

    Args:
        mode: ``ADD``, ``IMPROVE`` or ``OFF``.
        outside: a click is outside the lesion.
        placing: clicks in the views are points; else they do what they usually do.
    """
    if mode == "ADD":
        return _("Click into a lesion in a slice view. Esc ends.")
    if mode != "IMPROVE":
        return ""
    if not placing:
        return _("Drag a mark to move it, or delete it with its menu. Press Outside for more clicks. Esc ends.")
    if outside:
        return _("Click beside the lesion (red −). Alt+X: inside. Right-click, to move marks. Esc ends.")
    return _("Click into the lesion (green +). Alt+X: outside. Right-click, to move marks. Esc ends.")


def clicked(lesion: ClickedLesion) -> str:
    """What came of clicks, as plain text."""
    said = _("Clicked lesion: {ml:.2f} ml, {percent:.0f} % by the model.")
    return said.format(ml=lesion.ml, percent=100 * lesion.probability)


def click_answer(answer: ClickedLesion) -> str:
    """The same, with what is doubtful about it."""
    return " ".join([clicked(answer), *answer.warnings])
