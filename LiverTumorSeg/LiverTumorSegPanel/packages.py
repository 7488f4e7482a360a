"""Packages: which are there, what is missing, and their installation with all that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel.job_runner import IDLE, PanelState

from . import setup
from .logic import SegmentationLogic
from .section import Section
from .setup import Requirement
from .texts import plain

_FEW = 3


class PackagesSection(Section):
    """Installs what is missing, once at a time, and shows it; it comes after the section of the progress bar.

    Args:
        ui: the panel's widgets.
        logic: whose requirements are looked for.
    """

    def __init__(self, ui: Any, logic: SegmentationLogic) -> None:
        super().__init__(ui)
        self.logic, self.panel = logic, logic.panel
        self._installing = self._failed = False
        self._needs: list[Requirement] | None = None
        self._changed: dict[str, tuple[str, str]] = {}
        ui.setupButton.connect("clicked(bool)", self._onSetup)
        ui.reinstallButton.connect("clicked(bool)", self._onReinstall)

    def show(self) -> None:
        """Bring the frame of the installation and the list of packages up to date."""
        needed, missing = self.panel.state is PanelState.NEEDS_SETUP, list(self.panel.missing)
        heard = bool(self.ui.setupOutput.plainText) and (self._installing or self._failed)
        self.ui.setupOutput.visible = heard
        self.ui.setupFrame.visible = needed or heard
        self.ui.setupLabel.visible = self.ui.setupButton.visible = needed
        self.ui.setupButton.enabled = not self._installing
        self.ui.setupLabel.text = _setupText(missing)
        self.ui.reinstallButton.enabled = not self._installing and (needed or self.panel.state in IDLE)
        if self._needs is None:
            lines = setup.requirementsIn(self.logic.requirements)
            self._needs = [setup.readRequirement(line) for line in (*lines, *setup.DICOM_PACKAGES)]
            self.ui.packagesLabel.text = _listText(self._needs, self._changed)
        names = [setup.readRequirement(line).name for line in missing]
        self.ui.packagesSection.text = _sectionText(names)
        if self._installing:
            self.ui.progressBar.visible = True
            self.ui.progressBar.maximum = 0  # nobody knows how long pip takes
            self.ui.stageLabel.text = _("Installing, which takes minutes; what pip says is shown above.")
        elif self.ui.progressBar.maximum == 0:
            self.ui.progressBar.maximum = 100

    def install(self, lines: Sequence[str], *, again: bool = False, ask: bool = True) -> bool:
        """Install requirements; False where that failed, which is shown, or another installation runs.

        Slicer handles clicks while pip runs, and a second pip would spoil the first's work.
        """
        if self._installing:
            return False
        done: list[bool] = []

        def work() -> None:
            setup.install(list(lines), self._tell, again=again, ask=ask)
            done.append(True)

        self._installing, self.ui.setupOutput.plainText = True, ""
        before = setup.allVersions()
        self._showAll()
        slicer.app.processEvents()
        try:
            self.panel.attempt(work)
        finally:
            self._installing, self._failed, self._needs = False, not done, None
        now = setup.allVersions()
        self._changed = {name: (old, now[name]) for name, old in before.items() if now.get(name, old) != old}
        self._showAll()
        return bool(done)

    def _tell(self, line: str) -> None:
        self.ui.setupOutput.appendPlainText(line)
        self.ui.setupFrame.visible = self.ui.setupOutput.visible = True

    def _showAll(self) -> None:
        if self.parameters:  # the scene may be gone by now
            self.panel.refresh()

    def _onSetup(self) -> None:
        if not self._installing:
            self._finish(self.install(self.panel.missing))

    def _onReinstall(self) -> None:
        """All of them; meanwhile nothing can be segmented."""
        question = _(
            "Install all packages of this module again, also those that are there? That downloads up to 3 GB, and "
            "nothing can be segmented meanwhile."
        )
        if self._installing or not slicer.util.confirmYesNoDisplay(plain(question)):
            return
        lines = setup.requirementsIn(self.logic.requirements)
        self.panel.close()
        self.panel.setup_done(lines)
        self._finish(self.install(lines, again=True, ask=False))

    def _finish(self, done: bool) -> None:
        error, details = self.panel.error, self.panel.details
        self.panel.setup_done(setup.missingPackages(self.logic.requirements))
        if not done and error and not self.panel.missing:
            self.panel.complain(error, details)
        self.panel.open()
        if self.parameters:
            self.show()


def _setupText(missing: list[str]) -> str:
    return _(
        "Segmenting needs packages that Slicer does not bring: {names}. The button installs them into Slicer's "
        "Python: PyTorch through the PyTorch extension (up to 3 GB with a graphics card), the rest beside it. "
        "Slicer's own numpy, SciPy, SimpleITK, VTK and pydicom stay as they are; of its other packages, newer versions "
        "may replace {changed}."
    ).format(names=", ".join(missing), changed=", ".join(setup.mayChange(missing)))


def _sectionText(missing: Sequence[str]) -> str:
    """Few names only: a line that is wider than the panel would widen it."""
    if not missing:
        return _("Packages: all there")
    if len(missing) > _FEW:
        return _("Packages: {count} missing").format(count=len(missing))
    return _("Packages: {names} missing").format(names=", ".join(missing))


def _listText(needs: list[Requirement], changed: Mapping[str, tuple[str, str]]) -> str:
    optional = {setup.readRequirement(line).name for line in setup.DICOM_PACKAGES}
    lines = []
    for need in needs:
        there = need.installed or _("not there")
        said = _("{name} {there} ({wanted} or newer)").format(name=need.name, there=there, wanted=need.wanted)
        lines.append(said + (_(", only for DICOM objects") if need.name in optional else ""))
    if changed:
        moves = ", ".join(f"{name} {old} → {new}" for name, (old, new) in changed.items())
        lines.append(_("The last installation changed {moves}.").format(moves=moves))
    return "\n".join(lines)
