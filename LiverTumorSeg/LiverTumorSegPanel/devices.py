"""The list of devices, why it is the CPU where it is, and the precision."""

from LiverTumorSegLib import PRECISIONS, panel_texts


class DeviceSection:
    """Shows what the panel knows of devices; a choice goes into the parameter node."""

    def __init__(self, ui, panel):
        self.ui, self.panel = ui, panel
        self.parameters = None
        self._listed = None
        ui.deviceCombo.connect("activated(int)", self._onChosen)
        for precision, text in panel_texts.precisions().items():
            ui.precisionCombo.addItem(text, precision)
        ui.precisionCombo.connect("activated(int)", self._onPrecision)

    def show(self):
        """Bring the list up to date."""
        if self._listed != self.panel.devices:
            self._listed = self.panel.devices
            self._fill()
        names = list(panel_texts.devices(self._listed))
        chosen = names.index(self.parameters.device) if self.parameters.device in names else -1
        if self.ui.deviceCombo.currentIndex != chosen:
            self.ui.deviceCombo.currentIndex = chosen
        self.ui.precisionCombo.currentIndex = PRECISIONS.index(self.parameters.precision)
        self.ui.deviceNote.text = panel_texts.device_note(self.panel, self.parameters.device)
        self.ui.deviceNote.visible = bool(self.ui.deviceNote.text)

    def _fill(self):
        self.ui.deviceCombo.clear()
        for name, text in panel_texts.devices(self._listed).items():
            self.ui.deviceCombo.addItem(text, name)

    def _onChosen(self, index):
        self.parameters.device = self.ui.deviceCombo.itemData(index)

    def _onPrecision(self, index):
        self.parameters.precision = PRECISIONS[index]
