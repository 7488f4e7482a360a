"""Import of a model from a folder, and what has to be chosen first of one that comes from nnU-Net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel.job_runner import IDLE, Answer
from LiverTumorSegLib.apps.panel.panel import Panel

from . import texts
from .section import Section


class ModelImportSection(Section):
    """Where a folder's licence or labels are unknown, a frame asks for them before it is imported.

    Args:
        ui: the panel's widgets.
        panel: whose worker imports.
        imported: called with the model's name.
    """

    def __init__(self, ui: Any, panel: Panel, imported: Callable[[str], None]) -> None:
        super().__init__(ui)
        self.panel, self._imported = panel, imported
        self._folder = ""
        self._questions: Answer = {}
        ui.importFrame.visible = False
        ui.importButton.connect("clicked(bool)", self._onImport)
        ui.importNowButton.connect("clicked(bool)", self._onImportNow)

    def show(self) -> None:
        """Bring the buttons up to date."""
        self.ui.importButton.enabled = self.ui.importNowButton.enabled = self.panel.state in IDLE

    def _onImport(self) -> None:
        self.ui.importFrame.visible = False
        folder = qt.QFileDialog.getExistingDirectory(self.ui.importButton, _("Choose a model folder"))
        if folder:
            self._folder = folder
            self._import(None)

    def _onAsked(self, questions: Answer) -> None:
        self._questions, own = questions, list(questions["labels"])
        for combo, what in ((self.ui.importLiverCombo, "liver"), (self.ui.importLesionCombo, "lesion")):
            combo.clear()
            combo.addItem(_("none of them"), "")
            for name in own:
                combo.addItem(name, name)
            known = [name for name in own if self._questions["labels"][name] == what]
            combo.currentIndex = own.index(known[0]) + 1 if known else 0
        self.ui.importLabel.text = texts.plain(_("Say what its folder does not: {folder}").format(folder=self._folder))
        self.ui.importLicenceEdit.text = ""
        self.ui.importTotalSegmentatorCheck.checked = False
        self.ui.importTotalSegmentatorCheck.visible = self._questions["totalsegmentator"]
        self.ui.importFrame.visible = True

    def _onImportNow(self) -> None:
        self._import(self._choices())

    def _choices(self) -> Answer:
        """Labels that are taken for something else than their names say, and the rest that was asked for."""
        taken = {"liver": self._label(self.ui.importLiverCombo), "lesion": self._label(self.ui.importLesionCombo)}
        named = self._questions["labels"]
        labels = [f"{what}={own}" for what, own in taken.items() if own and named[own] != what]
        labels += [
            f"none={own}"
            for own, what in named.items()
            if what in taken and not taken[what] and own not in taken.values()
        ]
        choices: Answer = {"labels": labels, "licence": self.ui.importLicenceEdit.text.strip()}
        if self._questions["totalsegmentator"]:
            choices["totalsegmentator"] = self.ui.importTotalSegmentatorCheck.checked
        return choices

    @staticmethod
    def _label(combo: Any) -> str:
        return str(combo.itemData(combo.currentIndex) or "")

    def _import(self, choices: Answer | None) -> None:
        folder = self._folder
        self.panel.attempt(lambda: self.panel.import_model(folder, self._onImported, self._onAsked, choices))

    def _onImported(self, name: str) -> None:
        self.ui.importFrame.visible = False
        self._imported(name)
