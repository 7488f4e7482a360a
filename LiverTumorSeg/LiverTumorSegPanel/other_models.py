"""Models that take part beside the chosen one: whose liver its lesions are looked for in, and of other structures."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel.job_runner import Answer
from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.apps.panel.partner_models import liver_choices

from .parameters import alsoModelsOf, settingsOf
from .section import Section


class OtherModelsSection(Section):
    """A list of models that find the liver, and a box to tick for each that finds other structures.

    Args:
        ui: the panel's widgets.
        panel: knows the models.
    """

    def __init__(self, ui: Any, panel: Panel) -> None:
        super().__init__(ui)
        self.panel = panel
        self._livers: dict[str, str] = {}
        self._others: list[Answer] | None = None
        self._boxes: dict[str, Any] = {}
        ui.liverModelCombo.connect("activated(int)", self._onLiver)
        ui.advancedSection.connect("contentsCollapsed(bool)", self._onFolded)

    def show(self) -> None:
        """Bring both up to date; models of other structures are asked for where there are any."""
        livers = liver_choices(self.panel, self.parameters.model)
        if self._livers != livers:
            self._livers = livers
            self.ui.liverModelCombo.clear()
            for name, title in livers.items():
                self.ui.liverModelCombo.addItem(title, name)
        names, chosen = list(livers), settingsOf(self.parameters).liver_model
        self.ui.liverModelCombo.currentIndex = names.index(chosen) if chosen in names else -1
        self._showOthers()

    def _showOthers(self) -> None:
        others = self.panel.other_models(self.parameters.model)
        if self._others != others:
            self._others = others
            self._fill(others)
        for name, box in self._boxes.items():
            box.checked = name in alsoModelsOf(self.parameters)
        self.ui.alsoFrame.visible = self.ui.advancedFormLabel6.visible = bool(others)

    def _fill(self, others: list[Answer]) -> None:
        for box in self._boxes.values():
            self.ui.alsoFrame.layout().removeWidget(box)
            box.deleteLater()
        self._boxes = {}
        for model in others:
            box = self._boxes[model["name"]] = qt.QCheckBox(model["title"])
            box.toolTip = _("Adds what it finds beside liver and lesions, as segments of their own")
            box.connect("clicked(bool)", lambda checked, name=model["name"]: self._onOther(name, checked))
            self.ui.alsoFrame.layout().addWidget(box)

    def _onLiver(self, index: int) -> None:
        self.parameters.liverModel = self.ui.liverModelCombo.itemData(index)

    def _onOther(self, name: str, checked: bool) -> None:
        """In the order of the list, which no click changes."""
        wanted = {*alsoModelsOf(self.parameters), name} if checked else {*alsoModelsOf(self.parameters)} - {name}
        self.parameters.alsoModels = " ".join(each for each in self._boxes if each in wanted)

    def _onFolded(self, folded: bool) -> None:
        """Models that do not ship are known to the worker alone."""
        if not folded and not self.panel.opened:
            self.panel.open()
