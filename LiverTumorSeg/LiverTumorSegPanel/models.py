"""The list of models with the card of the chosen one; download and removal."""

from __future__ import annotations

from typing import Any

import slicer

from LiverTumorSegLib.apps.panel import section_titles
from LiverTumorSegLib.apps.panel import texts as panel_texts
from LiverTumorSegLib.apps.panel.job_runner import IDLE, Answer
from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.models.shipped import shipped_titles

from . import cleanup, texts
from .model_import import ModelImportSection
from .section import Section


class ModelSection(Section):
    """Shows what the panel knows of models; a choice goes into the parameter node."""

    def __init__(self, ui: Any, panel: Panel) -> None:
        super().__init__(ui)
        self.panel = panel
        self._listed: list[Answer] = []
        self._wanted: str | None = None
        self._whole = False
        self._importing = ModelImportSection(ui, panel, self._onManaged)
        ui.modelCombo.connect("activated(int)", self._onChosen)
        ui.downloadButton.connect("toggled(bool)", self._onDownloadToggled)
        ui.fetchButton.connect("clicked(bool)", self._onFetch)
        ui.removeButton.connect("clicked(bool)", self._onRemove)
        ui.modelCard.connect("linkActivated(QString)", self._onMore)
        ui.modelSection.connect("contentsCollapsed(bool)", self._onFolded)
        ui.downloadFrame.visible = False
        if not panel.models:
            panel.models = shipped_titles()  # until the worker has looked

    def show(self) -> None:
        """Bring list, card and the folded section's line up to date."""
        self.ui.modelSection.text = section_titles.model(self.panel.models, self.parameters.model)
        if self._listed != self.panel.segmenting_models:
            self._listed = self.panel.segmenting_models
            self.ui.modelCombo.clear()
            for model in self._listed:
                self.ui.modelCombo.addItem(model["title"], model["name"])
            self._takeWanted()
        names = [model["name"] for model in self._listed]
        chosen = names.index(self.parameters.model) if self.parameters.model in names else -1
        if self.ui.modelCombo.currentIndex != chosen:
            self.ui.modelCombo.currentIndex = chosen
        self._showCard(self._listed[chosen] if chosen >= 0 else None)

    def _showCard(self, model: Answer | None) -> None:
        text = panel_texts.no_card(self._listed if self.panel.opened else [], self.parameters.model)
        if model:
            text = panel_texts.card(model) if self._whole and "data" in model else panel_texts.card_line(model)
        self.ui.modelCard.text = text
        self.ui.modelCard.toolTip = texts.plain(panel_texts.card_tool_tip(model)) if model else ""
        idle = self.panel.state in IDLE
        self.ui.removeButton.enabled = bool(idle and model and not model["ships"])
        self.ui.fetchButton.enabled = idle
        self._importing.show()

    def _onMore(self, link: str) -> None:
        self._whole = True
        self.panel.open()
        self.show()

    def _onFolded(self, folded: bool) -> None:
        """Other models than those that ship are known to the worker alone."""
        if not folded and not self.panel.opened:
            self.panel.open()

    def _takeWanted(self) -> None:
        for model in self._listed:
            if model["name"] == self._wanted:
                self._wanted = None
                self._choose(model)

    def _onChosen(self, index: int) -> None:
        self._choose(self._listed[index])

    def _choose(self, model: Answer) -> None:
        self.parameters.model = model["name"]
        cleaning = model.get("postprocessing")
        if cleaning:  # every model was measured with clean-up steps of its own
            cleanup.takeValues(self.parameters, cleaning)

    def _onDownloadToggled(self, checked: bool) -> None:
        self.ui.downloadFrame.visible = checked

    def _onFetch(self) -> None:
        chosen = {"url": self.ui.urlEdit.text.strip(), "sha256": self.ui.checksumEdit.text.strip()}
        self._manage("download_model", **chosen)

    def _onRemove(self) -> None:
        if slicer.util.confirmYesNoDisplay(texts.plain(panel_texts.removal(self.ui.modelCombo.currentText))):
            self._manage("remove_model", name=self.parameters.model)

    def _manage(self, command: str, **arguments: str) -> None:
        self.panel.attempt(lambda: self.panel.manage(command, self._onManaged, **arguments))

    def _onManaged(self, name: str) -> None:
        """Use the model that was added, or the default where it was removed, once the list arrives."""
        removed = name == self.parameters.model
        self._wanted = self._listed[0]["name"] if removed else name
        self.ui.downloadButton.checked = False
