"""The CT that was chosen: its size, and what is doubtful about it."""

from LiverTumorSegLib import panel_texts
from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.mrml.volumes import volume_of


class InputSection:
    """Describes the input volume; looks at its voxels again only when they or their place changed."""

    def __init__(self, ui):
        self.ui = ui
        self.parameters = None
        self._seen = None

    def show(self):
        """Bring the labels up to date."""
        node = self.parameters.inputVolume
        now = _state(node)
        if now != self._seen:
            self._seen = now
            self._describe(node)

    def _describe(self, node):
        self.ui.volumeLabel.text = self.ui.volumeWarnings.text = ""
        if node:
            try:
                volume = volume_of(node)
            except UserError as error:
                self.ui.volumeWarnings.text = panel_texts.listed([str(error)])
            else:
                self.ui.volumeLabel.text = panel_texts.volume(volume.voxels.shape, volume.spacing)
                self.ui.volumeWarnings.text = panel_texts.listed(volume.warnings)
        self.ui.volumeWarnings.visible = bool(self.ui.volumeWarnings.text)


def _state(node):
    """Changes whenever the voxels, their grid or the parent transform do."""
    if node is None or node.GetImageData() is None:
        return (node and node.GetID(),)
    parent = node.GetParentTransformNode()
    return node.GetID(), node.GetMTime(), node.GetImageData().GetMTime(), parent and parent.GetTransformToWorldMTime()
