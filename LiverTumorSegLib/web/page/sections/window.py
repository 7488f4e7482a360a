"""The menu of window presets, which says what the window is now."""

from __future__ import annotations

from typing import Any

import slicer
from trame.widgets import vuetify3 as v3

from ..session import Session
from ..views import PRESETS
from .section import Section


class WindowSection(Section):
    """Grey values of the CT; dragging the left mouse button in a slice view changes them too."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched: slicer.vtkMRMLScalarVolumeDisplayNode | None = None

    def build(self) -> None:
        """A button that opens the menu."""
        self.state.window_said = ""  # a state named "window" would hide the browser's own from every template
        with v3.VMenu():
            with v3.Template(v_slot_activator="{ props }"):
                v3.VBtn(
                    "Window {{ window_said }}",
                    v_bind="props",
                    id="window",
                    disabled=("!window_said",),
                    append_icon="mdi-menu-down",
                    variant="text",
                )
            with v3.VList(density="compact"):
                for name, (width, level) in PRESETS.items():
                    v3.VListItem(
                        title=name.capitalize(),
                        subtitle=_said(width, level),
                        id=f"window-{name}",
                        click=(self._on_preset, f"['{name}']"),
                    )

    def show(self) -> None:
        """Follow the CT's grey values."""
        volume = self.session.volume
        display = volume.GetDisplayNode() if volume else None
        if display is not self._watched:
            self._watched = display
            if display:
                display.AddObserver("ModifiedEvent", self._tell)
            self._tell()

    def _tell(self, *_: Any) -> None:
        display = self._watched
        self.state.window_said = _said(display.GetWindow(), display.GetLevel()) if display else ""

    def _on_preset(self, name: str) -> None:
        if self.session.volume and name in PRESETS:
            self.session.views.window(self.session.volume, name)


def _said(width: float, level: float) -> str:
    return f"{width:.0f} / {level:.0f} HU"
