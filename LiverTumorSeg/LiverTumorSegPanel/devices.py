"""The list of devices, why it is the CPU where it is, and the precision."""

from slicer.i18n import tr as _

from LiverTumorSegLib import PRECISIONS

from . import texts

_AUTO = "auto"


class DeviceSection:
    """Shows what the panel knows of devices; a choice goes into the parameter node."""

    def __init__(self, ui, panel):
        self.ui, self.panel = ui, panel
        self.parameters = None
        self._listed = None
        ui.deviceCombo.connect("activated(int)", self._onChosen)
        for precision in PRECISIONS:
            ui.precisionCombo.addItem(_("automatic") if precision == _AUTO else precision, precision)
        ui.precisionCombo.connect("activated(int)", self._onPrecision)

    def show(self):
        """Bring the list up to date."""
        if self._listed != self.panel.devices:
            self._listed = self.panel.devices
            self._fill()
        names = self._names()
        chosen = names.index(self.parameters.device) if self.parameters.device in names else -1
        if self.ui.deviceCombo.currentIndex != chosen:
            self.ui.deviceCombo.currentIndex = chosen
        self.ui.precisionCombo.currentIndex = PRECISIONS.index(self.parameters.precision)
        self.ui.deviceNote.text = self._note(chosen)
        self.ui.deviceNote.visible = bool(self.ui.deviceNote.text)

    def _names(self):
        return [_AUTO, *(found["name"] for found in self._listed)]

    def _fill(self):
        best = _("Automatic")
        if self._listed:
            best = _("Automatic: {device}").format(device=texts.device(self._listed[0]))
        self.ui.deviceCombo.clear()
        self.ui.deviceCombo.addItem(best, _AUTO)
        for found in self._listed:
            self.ui.deviceCombo.addItem(texts.device(found), found["name"])

    def _note(self, chosen):
        if chosen < 0 and self._listed:
            return _("The device “{name}” is not here: choose another.").format(name=self.parameters.device)
        return self.panel.why_no_gpu if self.parameters.device == _AUTO else ""

    def _onChosen(self, index):
        self.parameters.device = self._names()[index]

    def _onPrecision(self, index):
        self.parameters.precision = PRECISIONS[index]
