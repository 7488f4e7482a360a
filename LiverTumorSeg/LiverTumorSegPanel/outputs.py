"""Where the segments go, and the region: what stands on their folded sections."""

from __future__ import annotations

from typing import Any

from LiverTumorSegLib.apps.panel import section_titles
from LiverTumorSegLib.apps.panel.mrml_volumes import start_placing_region

from .section import Section


class OutputSection(Section):
    """Shows the choices of output and region while their sections are folded, and draws a new region.

    Args:
        ui: the panel's widgets.
    """

    def __init__(self, ui: Any) -> None:
        super().__init__(ui)
        ui.placeButton.connect("clicked(bool)", self._onPlace)

    def show(self) -> None:
        """Bring the folded sections' lines up to date."""
        parameters, ui = self.parameters, self.ui
        segmentation, region = parameters.outputSegmentation, parameters.roi
        ui.replaceCheck.enabled = bool(segmentation)
        ui.placeButton.enabled = bool(parameters.inputVolume)
        ui.outputSection.text = section_titles.output(
            segmentation.GetName() if segmentation else None,
            replace=parameters.replaceSegments,
            one_each=parameters.oneEach,
        )
        ui.advancedSection.text = section_titles.advanced(
            region.GetName() if region else None, coarse_pass=parameters.coarsePass
        )

    def _onPlace(self) -> None:
        """Let the user click two corners of a new region; it is fitted to the CT where they do not."""
        self.parameters.roi = start_placing_region()
