"""The result as DICOM objects of the study that its CT was loaded from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import mrml_dicom, texts
from LiverTumorSegLib.apps.panel.job_runner import IDLE
from LiverTumorSegLib.core.atomic_files import unused_folder
from LiverTumorSegLib.core.errors import UserError

from . import setup
from .logic import SegmentationLogic
from .packages import PackagesSection
from .parameters import resultOf
from .section import Section
from .texts import plain


class DicomSection(Section):
    """Writes the segments as they are now, once what they need is there.

    Args:
        ui: the panel's widgets.
        logic: whose jobs do the work.
        packages: installs what is missing.
    """

    def __init__(self, ui: Any, logic: SegmentationLogic, packages: PackagesSection) -> None:
        super().__init__(ui)
        self.logic, self.panel, self._packages = logic, logic.panel, packages
        ui.dicomButton.connect("clicked(bool)", self._onClicked)

    def show(self) -> None:
        """Bring the button up to date."""
        self.ui.dicomButton.enabled = self.panel.state in IDLE

    def _onClicked(self) -> None:
        self.panel.attempt(self._write)

    def _write(self) -> None:
        self.ui.noteEdit.clearFocus()  # so that a note that is being written goes with it
        nodes = resultOf(self.parameters)
        if nodes is None:
            return
        files = mrml_dicom.source_files(nodes.volume, fileOf)
        if not self._isReady():
            return
        title = _("Choose where the folder of the DICOM objects goes")
        chosen = qt.QFileDialog.getExistingDirectory(self.ui.dicomButton, title)
        if chosen:
            folder = unused_folder(Path(chosen) / f"{texts.file_name(nodes.segmentation.GetName())} DICOM")
            mrml_dicom.write_objects(self.logic.jobs, nodes, files, folder, self._onWritten)

    def _isReady(self) -> bool:
        """Whether what writes DICOM objects is there, or could be installed."""
        missing = setup.missingOf(setup.DICOM_PACKAGES)
        if not missing:
            return True
        question = _(
            "DICOM objects need the package highdicom, which is not here. Install it into Slicer's Python? "
            "Slicer's own pydicom stays as it is."
        )
        if not slicer.util.confirmYesNoDisplay(plain(question)):
            raise UserError(_("Nothing was installed: press the button again when you are ready."))
        if not self._packages.install(missing, ask=False):
            return False
        if not self.panel.settled:
            raise UserError(_("highdicom is installed: press the button again once the running job has ended."))
        self.panel.close()  # the worker that runs looked for packages before
        return True

    def _onWritten(self, files: list[str]) -> None:
        link = Path(files[0]).parent.as_uri()
        self.ui.reportLabel.text = _("<a href='{link}'>Open the folder of the DICOM objects</a>").format(link=link)
        self.ui.reportLabel.visible = True


def fileOf(uid: str) -> str:
    """The file of an image in Slicer's DICOM database; none where there is no database."""
    database = getattr(slicer, "dicomDatabase", None)
    return str(database.fileForInstance(uid) or "") if database else ""
