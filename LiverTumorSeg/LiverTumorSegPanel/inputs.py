"""The CT that was chosen: its size, and what is doubtful about it."""

from __future__ import annotations

from typing import Any

import slicer

from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.apps.panel.mrml_volumes import fit_region, volume_of
from LiverTumorSegLib.core.errors import UserError

from .folded_warnings import FoldedWarnings
from .parameters import resultOf
from .section import Section


class InputSection(Section):
    """Describes the input volume; looks at its voxels again only when they or their place changed."""

    def __init__(self, ui: Any) -> None:
        super().__init__(ui)
        self._seen: tuple[Any, ...] | None = None
        self._warnings = FoldedWarnings(ui.volumeWarnings)

    def show(self) -> None:
        """Bring the labels up to date, and give a new region a size."""
        node = self.parameters.inputVolume
        if node and self.parameters.roi:
            result = resultOf(self.parameters)
            own = result.segmentation if result and result.volume is node else None
            fit_region(self.parameters.roi, node, own)
        now = _state(node)
        if now != self._seen:
            self._seen = now
            self._describe(node)

    def _describe(self, node: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        said = ""
        warnings: tuple[str, ...] = ()
        if node:
            try:
                volume = volume_of(node)
            except UserError as error:
                warnings = (str(error),)
            else:
                said, warnings = texts.volume(volume.voxels.shape, volume.spacing), volume.warnings
        self.ui.volumeLabel.text = said
        self.ui.volumeLabel.visible = bool(said)
        self._warnings.show(warnings)


def _state(node: slicer.vtkMRMLScalarVolumeNode | None) -> tuple[Any, ...]:
    """Changes whenever the voxels, their grid or the parent transform do."""
    if node is None or node.GetImageData() is None:
        return (node and node.GetID(),)
    parent = node.GetParentTransformNode()
    return node.GetID(), node.GetMTime(), node.GetImageData().GetMTime(), parent and parent.GetTransformToWorldMTime()
