"""The one button that segments and cancels, the progress, errors with their details, and the first installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.apps.panel.job_runner import IDLE, PanelState
from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of
from LiverTumorSegLib.core.ct_quality import why_not_hounsfield

from . import settings, setup
from .colours import showAsError
from .logic import SegmentationLogic
from .section import Section
from .texts import plain


class RunSection(Section):
    """Shows the state of the panel, and starts and stops its jobs.

    Args:
        ui: the panel's widgets.
        logic: whose panel runs the jobs.
        segment, preview: start a job; they may raise :class:`UserError`.
    """

    def __init__(
        self, ui: Any, logic: SegmentationLogic, segment: Callable[[], None], preview: Callable[[], None]
    ) -> None:
        super().__init__(ui)
        self.logic, self.panel = logic, logic.panel
        self._segment, self._preview = segment, preview
        self._installing = self._askingForModels = False
        ui.segmentButton.connect("clicked(bool)", self._onButton)
        ui.previewButton.connect("clicked(bool)", self._onPreview)
        ui.setupButton.connect("clicked(bool)", self._onSetup)
        ui.detailsButton.connect("toggled(bool)", self._onDetailsToggled)
        ui.copyDetailsButton.connect("clicked(bool)", self._onCopyDetails)
        ui.detailsText.visible = False

    def show(self) -> None:
        """Bring button, bar, error and installation up to date."""
        self._showButton()
        self.ui.progressBar.visible = self.panel.busy or self._installing
        self.ui.progressBar.maximum = 0 if self._installing else 100  # nobody knows how long pip takes
        self.ui.progressBar.value = int(100 * self.panel.fraction)
        self.ui.stageLabel.text = self._stage()
        self.ui.setupButton.enabled = not self._installing
        self.ui.errorFrame.visible = bool(self.panel.error)
        showAsError(self.ui.errorLabel)
        self.ui.errorLabel.text = self.panel.error
        self.ui.detailsText.plainText = self._details() if self.panel.error else ""
        self.ui.setupFrame.visible = self.panel.state is PanelState.NEEDS_SETUP
        self.ui.setupLabel.text = _(
            "Segmenting needs packages that Slicer does not bring: {names}. The button installs them into Slicer's "
            "Python: PyTorch through the PyTorch extension (up to 3 GB with a graphics card), the rest beside it; "
            "Slicer's own packages stay as they are."
        ).format(names=", ".join(self.panel.missing))

    def _showButton(self) -> None:
        button, state = self.ui.segmentButton, self.panel.state
        button.text = texts.button(self.panel)
        hasInput = bool(self.parameters.inputVolume)
        ready = state in IDLE and hasInput and not self._askingForModels
        button.enabled = state is not PanelState.CANCELLING and (self.panel.busy or ready)
        self.ui.previewButton.enabled = state in IDLE and hasInput
        button.toolTip = texts.button_tool_tip(self.panel, has_input=hasInput)

    def _details(self) -> str:
        return texts.details(self.panel, f"Slicer {slicer.app.applicationVersion}")

    def _onButton(self) -> None:
        if self.panel.busy:
            self.panel.cancel()
        else:
            self.panel.attempt(self._askAndSegment)

    def _askAndSegment(self) -> None:
        """Segment with a model whose licence the user knows; its card may have to be read by the worker first."""
        model = next((each for each in self.panel.models if each["name"] == self.parameters.model), None)
        if not self.panel.opened:
            self._askingForModels = model is None
            self.panel.open(self._onModels)
            if model is None:
                self.show()
                return
        if model is None or "error" in model or settings.consented(model):
            self._segmentIfCT()

    def _onModels(self) -> None:
        if self._askingForModels and self.parameters:
            self._askingForModels = False
            self.panel.attempt(self._askAndSegment)

    def _segmentIfCT(self) -> None:
        """Segment; what does not look like a CT only where the user says that it is one."""
        node = self.parameters.inputVolume
        why = why_not_hounsfield(volume_of(node).voxels) if node else None
        question = _("“{name}” does not look like a CT in Hounsfield units ({why}). Segment it all the same?")
        if why is None or slicer.util.confirmYesNoDisplay(plain(question.format(name=node.GetName(), why=why))):
            self._segment()

    def _onPreview(self) -> None:
        self.panel.attempt(self._preview)

    def _stage(self) -> str:
        if self._installing:
            return _("Installing, which takes minutes: Slicer's Python console shows what pip does.")
        return texts.no_card([], "") if self._askingForModels else texts.state(self.panel)

    def _onSetup(self) -> None:
        """Install, once at a time: Slicer handles clicks while pip runs, and a second pip would spoil the first's."""
        if self._installing:
            return
        self._installing = True
        self.show()
        slicer.app.processEvents()
        try:
            self.panel.attempt(lambda: setup.install(list(self.panel.missing)))
        finally:
            self._installing = False
        self.panel.setup_done(setup.missingPackages(self.logic.requirements))
        self.panel.open()
        if self.parameters:  # the scene may be gone by now
            self.show()

    def _onDetailsToggled(self, checked: bool) -> None:
        self.ui.detailsText.visible = checked

    def _onCopyDetails(self) -> None:
        slicer.app.clipboard().setText(self.ui.detailsText.plainText)
