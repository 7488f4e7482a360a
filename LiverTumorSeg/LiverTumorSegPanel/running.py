"""The one button that segments and cancels, the progress, errors with their details, and the first installation."""

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib import panel_texts
from LiverTumorSegLib.job_runner import IDLE, State

from . import setup


class RunSection:
    """Shows the state of the panel, and starts and stops its jobs.

    Args:
        ui: the panel's widgets.
        logic: whose panel runs the jobs.
        segment, preview: start a job; they may raise :class:`UserError`.
    """

    def __init__(self, ui, logic, segment, preview):
        self.ui, self.logic, self.panel = ui, logic, logic.panel
        self.parameters = None
        self._segment, self._preview = segment, preview
        ui.segmentButton.connect("clicked(bool)", self._onButton)
        ui.previewButton.connect("clicked(bool)", self._onPreview)
        ui.setupButton.connect("clicked(bool)", self._onSetup)
        ui.detailsButton.connect("toggled(bool)", self._onDetailsToggled)
        ui.copyDetailsButton.connect("clicked(bool)", self._onCopyDetails)
        ui.detailsText.visible = False

    def show(self):
        """Bring button, bar, error and installation up to date."""
        self._showButton()
        self.ui.progressBar.visible = self.panel.busy
        self.ui.progressBar.value = int(100 * self.panel.fraction)
        self.ui.stageLabel.text = panel_texts.state(self.panel)
        self.ui.errorFrame.visible = bool(self.panel.error)
        self.ui.errorLabel.text = self.panel.error
        self.ui.detailsText.plainText = self._details() if self.panel.error else ""
        self.ui.setupFrame.visible = self.panel.state is State.NEEDS_SETUP
        self.ui.setupLabel.text = _(
            "Segmenting needs packages that Slicer does not bring: {names}. The button installs them into Slicer's "
            "Python: PyTorch through the PyTorch extension (up to 3 GB with a graphics card), the rest beside it; "
            "Slicer's own packages stay as they are."
        ).format(names=", ".join(self.panel.missing))

    def _showButton(self):
        button, state = self.ui.segmentButton, self.panel.state
        button.text = panel_texts.button(self.panel)
        hasInput = bool(self.parameters.inputVolume)
        button.enabled = state is not State.CANCELLING and (self.panel.busy or (state in IDLE and hasInput))
        self.ui.previewButton.enabled = state in IDLE and hasInput
        self.ui.replaceCheck.enabled = bool(self.parameters.outputSegmentation)
        button.toolTip = panel_texts.button_tool_tip(self.panel, has_input=hasInput)

    def _details(self):
        return panel_texts.details(self.panel, f"Slicer {slicer.app.applicationVersion}")

    def _onButton(self):
        if self.panel.busy:
            self.panel.cancel()
        else:
            self.panel.attempt(self._segment)

    def _onPreview(self):
        self.panel.attempt(self._preview)

    def _onSetup(self):
        self.panel.attempt(lambda: setup.install(list(self.panel.missing)))
        self.panel.setup_done(setup.missingPackages(self.logic.requirements))
        self.panel.open()

    def _onDetailsToggled(self, checked):
        self.ui.detailsText.visible = checked

    def _onCopyDetails(self):
        slicer.app.clipboard().setText(self.ui.detailsText.plainText)
