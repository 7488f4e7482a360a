"""A sheet with every key and gesture of the page."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..aria import aria
from ..views import PRESETS

_TITLE = "Keys and gestures"
_KEYS: dict[str, dict[str, str]] = {
    "In the slices": {
        "Wheel, ↑ ↓, Page Up and Down": "slice by slice; Shift and the keys: ten slices",
        "Home, End": "the first and the last slice",
        "Click, tap": "crosshair there, in all views; Esc takes it away",
        "Left button, dragged": "window and level",
        "Ctrl and the wheel, right button": "zoom",
        "Middle button, Shift and left": "move the picture",
        "Double click": "one view alone, and back",
        "1 – 4": "windows: " + ", ".join(PRESETS),
        "H": "hide liver, lesions and numbers, and show them again",
    },
    "Measure": {
        "R": "ruler: drag from end to end",
        "E": "ellipse: drag from corner to corner; mean and deviation in HU",
        "Delete": "remove the last measurement",
        "Esc": "end",
    },
    "Correct": {
        "P, X, M": "paint, erase, move",
        "Shift and the wheel": "size of the brush",
        "A, I, T": "add a lesion by a click, improve one, turn the sign",
        "Ctrl+Z": "undo",
        "Ctrl+Shift+Z, Ctrl+Y": "redo",
    },
    "Page": {"Tab, then ↑ ↓": "through the lesions of the table", "?": "this sheet"},
}


class HelpSheet:
    """A dialog, and the button that opens it."""

    def build(self) -> None:
        """Both; the state ``help_shown`` opens the sheet, too."""
        with v3.VDialog(v_model=("help_shown", False), max_width=760, scrollable=True, raw_attrs=aria(label=_TITLE)):
            with v3.Template(v_slot_activator="{ props }"):
                v3.VBtn(
                    icon="mdi-help-circle-outline",
                    v_bind="props",
                    id="help",
                    title=f"{_TITLE} (?)",
                    size="small",
                    raw_attrs=aria(label=_TITLE),
                )
            with v3.VCard(title=_TITLE, id="help-sheet"):
                with v3.VCardText(raw_attrs=['tabindex="0"']), html.Table(classes="lts-keys"):
                    for part, keys in _KEYS.items():
                        self._add_part(part, keys)
                with v3.VCardActions():
                    v3.VSpacer()
                    v3.VBtn("Close", click="help_shown = false", id="help-close", autofocus=True)

    @staticmethod
    def _add_part(part: str, keys: dict[str, str]) -> None:
        with html.Tbody():
            with html.Tr(), html.Th(colspan=2, raw_attrs=['scope="rowgroup"']):
                html.H3(part)
            for key, words in keys.items():
                with html.Tr():
                    html.Th(key, raw_attrs=['scope="row"'])
                    html.Td(words)
