"""What is segmented by what: file, model and device, in one line once a CT is open."""

from __future__ import annotations

from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ....panel import texts
from ..aria import aria
from ..session import Session
from .archive_in import ArchiveSection
from .base import Section
from .input import SourceSection
from .models import SettingsSection


class SetupSection(Section):
    """Folds sections away behind a line that names what was chosen in them.

    Args:
        session: that it shows.
        source: the CT.
        archives: that a CT may come from.
        settings: model, device and options.
    """

    def __init__(
        self, session: Session, source: SourceSection, archives: ArchiveSection, settings: SettingsSection
    ) -> None:
        super().__init__(session)
        self._source, self._parts = source, (source, archives, settings)

    def build(self) -> None:
        """The line, what is told of the CT, and both sections."""
        self.state.update({"setup_open": True, "setup_said": ""})
        with html.Button(
            v_if=("ct_name",),
            id="setup-line",
            click="setup_open = !setup_open",
            type="button",
            classes="lts-setup-line",
            title=("`${ct_name} · ${setup_said}`",),
            raw_attrs=aria(expanded=("setup_open",), controls="setup"),
        ):
            html.Strong("{{ ct_name }}", id="ct-name")
            html.Span("{{ setup_said }}")
            v3.VIcon(icon=("setup_open ? 'mdi-chevron-up' : 'mdi-chevron-down'",), raw_attrs=aria(hidden="true"))
        self._source.build_news()
        with html.Div(v_show=("setup_open || !ct_name",), id="setup"):
            for part in self._parts:
                part.build()
        self.state.change("model", "device")(self._on_choice)

    def show(self) -> None:
        """The sections, and what is chosen in words."""
        for part in self._parts:
            part.show()
        self._say()

    def _on_choice(self, **_: Any) -> None:
        self._say()

    def _say(self) -> None:
        chosen = self.session.choices
        models = {each["value"]: each["title"] for each in self.state.models}
        devices = texts.devices(self.panel.devices)
        words = models.get(chosen.model, chosen.model), devices.get(chosen.device, chosen.device)
        self.state.setup_said = " · ".join(words)
