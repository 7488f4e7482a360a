"""The list of devices, why it is the CPU where it is, and the precision."""

from __future__ import annotations

from typing import Any

from LiverTumorSegLib.apps.panel import section_titles, texts
from LiverTumorSegLib.apps.panel.job_runner import Answer
from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.core.about import PRECISIONS

from . import settings
from .colours import showAsWarning
from .section import Section


class DeviceSection(Section):
    """Shows what the panel knows of devices; a choice goes into the parameter node."""

    def __init__(self, ui: Any, panel: Panel) -> None:
        super().__init__(ui)
        self.panel = panel
        self._listed: list[Answer] | None = None
        ui.deviceCombo.connect("activated(int)", self._onChosen)
        for precision, text in texts.precisions().items():
            ui.precisionCombo.addItem(text, precision)
        ui.precisionCombo.connect("activated(int)", self._onPrecision)

        ui.deviceSection.connect("contentsCollapsed(bool)", self._onFolded)
        ui.startOnOpeningCheck.checked = settings.startsOnOpening()
        ui.startOnOpeningCheck.connect("toggled(bool)", settings.setStartsOnOpening)

    def show(self) -> None:
        """Bring the list and the folded section's line up to date."""
        self.ui.deviceSection.text = section_titles.device(
            self.panel.devices, self.parameters.device, self.parameters.precision
        )
        if self._listed != self.panel.devices:
            self._listed = self.panel.devices
            self._fill(self._listed)
        names = list(texts.devices(self._listed))
        chosen = names.index(self.parameters.device) if self.parameters.device in names else -1
        if self.ui.deviceCombo.currentIndex != chosen:
            self.ui.deviceCombo.currentIndex = chosen
        self.ui.precisionCombo.currentIndex = PRECISIONS.index(self.parameters.precision)
        self.ui.deviceNote.text = texts.device_note(self.panel, self.parameters.device)
        showAsWarning(self.ui.deviceNote)
        self.ui.deviceNote.visible = bool(self.ui.deviceNote.text) and not self.ui.deviceSection.collapsed

    def _fill(self, devices: list[Answer]) -> None:
        self.ui.deviceCombo.clear()
        for name, text in texts.devices(devices).items():
            self.ui.deviceCombo.addItem(text, name)

    def _onFolded(self, folded: bool) -> None:
        """What there is beside the CPU is known to the worker alone."""
        if not folded and not self.panel.opened:
            self.panel.open()
        if self.parameters:
            self.show()

    def _onChosen(self, index: int) -> None:
        self.parameters.device = self.ui.deviceCombo.itemData(index)

    def _onPrecision(self, index: int) -> None:
        self.parameters.precision = PRECISIONS[index]
