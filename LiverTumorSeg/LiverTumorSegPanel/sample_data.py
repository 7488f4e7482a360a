"""A public CT of a liver with tumours, in Slicer's Sample Data module and by a button while no CT is chosen."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.core.errors import UserError

from .section import Section

_SHA256 = "e16eae0ae6fefa858c5c11e58f0f1bb81834d81b7102e021571056324ef6f37e"
_URL = f"https://github.com/Slicer/SlicerTestingData/releases/download/SHA256/{_SHA256}"
"""Slicer's own copy of liver_100 of the Medical Segmentation Decathlon, Task03 (CC BY-SA 4.0): not trained on."""

_CATEGORY, _NAME = "LiverTumorSeg", "LiverTumorSegCT"
_ICON = Path(__file__).resolve().parents[1] / "Resources" / "Icons" / f"{_NAME}.png"
Tell = Callable[[str, int], None]
"""Takes what happens, and how many of a hundred parts are done."""


def registerSampleData() -> None:
    """Add the CT to the Sample Data module, in a category of this module."""
    import SampleData  # itself a module of Slicer, so not there before the start is complete

    register = getattr(SampleData.SampleDataLogic, "registerCustomSampleDataCategory", None)  # since Slicer 5.11
    if register:
        register(_CATEGORY, title=_("Liver Tumor Segmentation"))
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=_CATEGORY,  # an ID, which no language changes
        sampleName=_NAME,
        uris=_URL,
        fileNames="CTLiver.nrrd",
        nodeNames="CTLiver",
        checksums=f"SHA256:{_SHA256}",
        thumbnailFileName=str(_ICON),
    )


def loadSample(tell: Tell) -> slicer.vtkMRMLScalarVolumeNode:
    """Download the CT, or take it from Slicer's cache, check it and load it.

    Raises:
        UserError: the download or its check failed, or this Slicer has no Sample Data module.
    """
    try:
        import SampleData
    except ImportError as error:
        raise UserError(_("This Slicer has no module Sample Data: load a CT of your own.")) from error
    logic, wrong = SampleData.SampleDataLogic(), []

    def heard(message: str, level: int = logging.INFO) -> None:
        words = re.sub(r"<[^>]*>", "", str(message)).strip()
        if level >= logging.ERROR:
            wrong.append(words)
        tell(words, int(getattr(logic, "downloadPercent", 0) or 0))

    logic.logMessage = heard
    try:
        source = logic.sourceForSampleName(_NAME)
        if source is None:
            registerSampleData()
            source = logic.sourceForSampleName(_NAME)
        node = next(iter(logic.downloadFromSource(source)), None)
    except Exception as error:
        raise _failure(str(error).strip() or type(error).__name__) from error
    if node is None or not hasattr(node, "IsA") or not node.IsA("vtkMRMLScalarVolumeNode"):
        raise _failure(wrong[-1] if wrong else _("nothing was loaded"))
    return node


def _failure(why: str) -> UserError:
    said = _("The sample CT could not be loaded ({why}): check the connection, then press the button again.")
    return UserError(said.format(why=why.rstrip(".!")))


class SampleSection(Section):
    """The button that loads the CT; it comes after the section of the progress bar.

    Args:
        ui: the panel's widgets.
        panel: shows what goes wrong.
    """

    def __init__(self, ui: Any, panel: Panel) -> None:
        super().__init__(ui)
        self.panel = panel
        self._loading = False
        ui.sampleButton.connect("clicked(bool)", self._onClicked)

    def show(self) -> None:
        """Bring the button up to date."""
        self.ui.sampleButton.visible = not self.parameters.inputVolume
        self.ui.sampleButton.enabled = not self._loading
        if self._loading:
            self.ui.progressBar.visible = True

    def _onClicked(self) -> None:
        """Load, once at a time: Slicer handles clicks meanwhile."""
        if self._loading:
            return
        self._loading = True
        self.show()
        try:
            self.panel.attempt(self._load)
        finally:
            self._loading = False
            self.panel.refresh()

    def _load(self) -> None:
        node = loadSample(self._tell)
        if self.parameters:  # the scene may be gone by now
            self.parameters.inputVolume = node
            slicer.util.setSliceViewerLayers(background=node, fit=True)

    def _tell(self, words: str, percent: int) -> None:
        self.ui.stageLabel.text = words
        self.ui.progressBar.visible, self.ui.progressBar.value = True, percent
        slicer.app.processEvents()
