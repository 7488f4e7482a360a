"""The one button that segments and cancels, the progress, errors with their details."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.apps.panel.job_runner import IDLE, PanelState
from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of
from LiverTumorSegLib.apps.panel.partner_models import partners
from LiverTumorSegLib.core.ct_quality import why_not_hounsfield

from . import settings
from .colours import showAsError
from .logic import SegmentationLogic
from .parameters import settingsOf
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
        self._waiting: Callable[[], None] | None = None
        ui.segmentButton.connect("clicked(bool)", self._onButton)
        ui.previewButton.connect("clicked(bool)", self._onPreview)
        ui.detailsButton.connect("toggled(bool)", self._onDetailsToggled)
        ui.copyDetailsButton.connect("clicked(bool)", self._onCopyDetails)
        ui.detailsText.visible = False

    def show(self) -> None:
        """Bring button, bar and error up to date."""
        if not self.panel.asking:
            self._waiting = None  # nobody will answer any more
        self._showButton()
        self.ui.progressBar.visible = self.panel.busy
        self.ui.progressBar.value = int(100 * self.panel.fraction)
        self.ui.stageLabel.text = self._stage()
        self.ui.errorFrame.visible = bool(self.panel.error)
        showAsError(self.ui.errorLabel)
        self.ui.errorLabel.text = self.panel.error
        self.ui.detailsText.plainText = self._details() if self.panel.error else ""

    def _showButton(self) -> None:
        button, state = self.ui.segmentButton, self.panel.state
        button.text = texts.button(self.panel)
        hasInput = bool(self.parameters.inputVolume)
        ready = state in IDLE and hasInput and not self._waiting
        button.enabled = state is not PanelState.CANCELLING and (self.panel.busy or ready)
        self.ui.previewButton.enabled = state in IDLE and hasInput
        button.toolTip = texts.button_tool_tip(self.panel, has_input=hasInput)

    def _details(self) -> str:
        return texts.details(self.panel, f"Slicer {slicer.app.applicationVersion}")

    def _onButton(self) -> None:
        if self.panel.busy:
            self.panel.cancel()
        else:
            self.panel.attempt(lambda: self.afterConsents(self._segmentIfCT))

    def afterConsents(self, work: Callable[[], None]) -> None:
        """Do work with all models that are chosen where the user knows the licence of each."""
        for name in partners(self.panel, settingsOf(self.parameters)):
            work = partial(self.afterConsent, work, name)
        self.afterConsent(work)

    def afterConsent(self, work: Callable[[], None], name: str = "") -> None:
        """Do work with a model where the user knows its licence; the worker may have to read that first.

        Args:
            work: is done then.
            name: of the model; empty for the chosen one.
        """
        wanted = name or self.parameters.model
        model = next((each for each in self.panel.models if each["name"] == wanted), None)
        if model is None and not self.panel.models_known:
            self.panel.reset()
            self._waiting = lambda: self.afterConsent(work, name)
            self.panel.open(self._onModels)
            self.show()
            return
        if not self.panel.opened:
            self.panel.open()
        if model is None or "error" in model or settings.consented(model):
            work()

    def _onModels(self) -> None:
        work, self._waiting = self._waiting, None
        if work and self.parameters:
            self.panel.attempt(work)

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
        return texts.no_card([], "") if self._waiting else texts.state(self.panel)

    def _onDetailsToggled(self, checked: bool) -> None:
        self.ui.detailsText.visible = checked

    def _onCopyDetails(self) -> None:
        slicer.app.clipboard().setText(self.ui.detailsText.plainText)
