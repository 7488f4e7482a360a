"""What is installed, and the installation: once at a time, with what it says, and without what the user declines."""

import importlib.metadata
import stat
import sys
import types

import pytest
from support.module_case import click, harness, widget  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.core.errors import UserError

PIP = """#!{python}
import sys, time
assert sys.argv[1:4] == ["-m", "pip", "install"], sys.argv
for line in ("Collecting monai", "Installing collected packages: monai"):
    print(line, flush=True)
    time.sleep(0.05)
sys.exit({code})
"""


@pytest.fixture
def slicers_python(tmp_path, monkeypatch):
    """The program that Slicer's own ``pip_install`` starts, which installs nothing."""

    def write(code=0):
        program = tmp_path / "PythonSlicer"
        program.write_text(PIP.format(python=sys.executable, code=code))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return write


def need(widget, monkeypatch, *lines, after=()):  # noqa: F811
    """Let packages be missing, and others after an installation."""
    from LiverTumorSegPanel import setup

    monkeypatch.setattr(setup, "missingPackages", lambda path: list(after))
    widget.logic.panel.setup_done(lines)


def test_missing_packages_are_named_and_installed_with_one_button(widget, monkeypatch):  # noqa: F811
    from LiverTumorSegPanel import setup

    installed = []
    monkeypatch.setattr(setup, "install", lambda lines, tell, **_: installed.extend(lines))
    widget.logic.panel.complain("It failed before.")
    assert not widget.ui.setupFrame.visible
    need(widget, monkeypatch, "torch>=2.6", "monai>=1.5")
    assert widget.ui.setupFrame.visible
    assert "torch>=2.6, monai>=1.5" in widget.ui.setupLabel.text
    assert widget.ui.packagesSection.text == "Packages: torch, monai missing"
    assert not widget.ui.segmentButton.enabled
    assert "missing packages" in widget.ui.segmentButton.toolTip
    click(widget.ui.setupButton)
    assert installed == ["torch>=2.6", "monai>=1.5"]
    assert not widget.ui.setupFrame.visible
    assert widget.logic.panel.state is PanelState.READY
    assert not widget.ui.errorFrame.visible


def test_the_text_says_which_of_slicers_own_packages_may_change(widget, monkeypatch):  # noqa: F811
    need(widget, monkeypatch, "pillow>=999", "no-such-package>=1", "numpy>=999")
    text = widget.ui.setupLabel.text
    assert text.endswith("newer versions may replace typing_extensions, pillow.")
    assert "Slicer's own numpy, SciPy, SimpleITK, VTK and pydicom stay as they are" in text


def test_what_pip_says_is_shown_while_it_says_it(slicers_python, widget, monkeypatch):  # noqa: F811
    from PySide6.QtCore import QTimer

    slicers_python()
    need(widget, monkeypatch, "monai>=1.5")
    output, seen, timer = widget.ui.setupOutput, [], QTimer()
    assert not output.visible
    timer.timeout.connect(lambda: seen.append((output.plainText, output.visible)))
    timer.start(1)
    click(widget.ui.setupButton)
    timer.stop()
    assert ("Collecting monai", True) in seen
    assert not widget.ui.setupFrame.visible


def test_what_pip_said_stays_where_it_failed(slicers_python, widget, monkeypatch):  # noqa: F811
    slicers_python(code=1)
    need(widget, monkeypatch, "monai>=1.5", after=["monai>=1.5"])
    click(widget.ui.setupButton)
    assert widget.ui.errorLabel.text.startswith("The installation failed")
    assert widget.ui.setupOutput.visible
    assert "Installing collected packages: monai" in widget.ui.setupOutput.plainText
    assert widget.ui.setupButton.enabled
    assert widget.ui.progressBar.maximum == 100
    assert widget.logic.panel.state is PanelState.NEEDS_SETUP


def test_an_installation_that_fails_is_said_and_can_be_tried_again(widget, monkeypatch):  # noqa: F811
    from LiverTumorSegPanel import setup

    def fail(lines, tell, **_):
        msg = "The PyTorch extension is missing: install it."
        raise UserError(msg)

    monkeypatch.setattr(setup, "install", fail)
    need(widget, monkeypatch, "torch>=2.6", after=["torch>=2.6"])
    click(widget.ui.setupButton)
    assert widget.ui.errorLabel.text.startswith("The PyTorch extension is missing")
    assert widget.ui.setupFrame.visible
    assert widget.logic.panel.state is PanelState.NEEDS_SETUP


def test_a_second_click_while_packages_are_installed_starts_no_second_installation(widget, monkeypatch):  # noqa: F811
    from LiverTumorSegPanel import setup

    seen = []

    def install(lines, tell, **_):
        ui = widget.ui
        seen.append((lines, ui.setupButton.enabled, ui.progressBar.visible, ui.progressBar.maximum))
        assert ui.stageLabel.text.startswith("Installing")
        assert not ui.reinstallButton.enabled
        ui.setupButton.clicked.emit(False)
        ui.reinstallButton.clicked.emit(False)

    monkeypatch.setattr(setup, "install", install)
    need(widget, monkeypatch, "monai>=1.5")
    click(widget.ui.setupButton)
    assert seen == [(["monai>=1.5"], False, True, 0)]
    assert widget.ui.progressBar.maximum == 100
    assert not widget.ui.setupFrame.visible


def test_every_package_is_listed_with_its_version(widget):  # noqa: F811
    assert widget.ui.packagesSection.text == "Packages: all there"
    lines = widget.ui.packagesLabel.text.splitlines()
    assert f"monai {importlib.metadata.version('monai')} (1.6.1 or newer)" in lines
    assert lines[-1] == f"highdicom {importlib.metadata.version('highdicom')} (0.28 or newer), only for DICOM objects"
    assert len(lines) == 1 + len((widget.logic.requirements).read_text().split())


def test_all_are_installed_again_only_where_the_user_says_so(widget, monkeypatch):  # noqa: F811
    import slicer
    from LiverTumorSegPanel import setup

    asked, given = [], []

    def install(lines, tell, **options):
        given.append((lines, options, widget.logic.panel.state))
        monkeypatch.setattr(setup, "allVersions", lambda: {"typing_extensions": "5.0"})

    monkeypatch.setattr(setup, "install", install)
    monkeypatch.setattr(setup, "allVersions", lambda: {"typing_extensions": "4.0"})
    widget.ui.packagesSection.collapsed = False
    slicer.app.processEvents()
    for answer in (False, True):
        monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda words, a=answer: asked.append(words) or a)
        click(widget.ui.reinstallButton)
        assert len(given) == answer
    assert "Install all packages of this module again" in asked[0]
    ((lines, options, state),) = given
    assert lines == (widget.logic.requirements).read_text().split()
    assert options == {"again": True, "ask": False}
    assert state is PanelState.NEEDS_SETUP  # nothing can be segmented meanwhile
    assert widget.logic.panel.state is PanelState.READY
    assert "The last installation changed typing_extensions 4.0 → 5.0." in widget.ui.packagesLabel.text


def test_an_installation_of_what_is_there_that_fails_is_said(widget, monkeypatch):  # noqa: F811
    import slicer
    from LiverTumorSegPanel import setup

    def fail(lines, tell, **_):
        raise UserError("no network")  # noqa: EM101

    monkeypatch.setattr(setup, "install", fail)
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda _: True)
    widget.ui.packagesSection.collapsed = False
    slicer.app.processEvents()
    click(widget.ui.reinstallButton)
    assert widget.ui.errorLabel.text == "no network"
    assert widget.logic.panel.state is PanelState.FAILED  # and not “needs setup”: all are there
    assert widget.ui.packagesSection.text == "Packages: all there"


def test_what_pip_said_is_shown_also_where_nothing_is_missing(slicers_python, widget, tmp_path, monkeypatch):  # noqa: F811
    import slicer

    slicers_python(code=1)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda _: True)
    widget.logic.requirements = requirements = tmp_path / "requirements.txt"
    requirements.write_text("monai>=1.5\n")
    widget.ui.packagesSection.collapsed = False
    slicer.app.processEvents()
    click(widget.ui.reinstallButton)
    assert widget.ui.errorLabel.text.startswith("The installation failed")
    assert "Collecting monai" in widget.ui.setupOutput.plainText
    assert widget.ui.setupOutput.visible
    assert not widget.ui.setupButton.visible


class Extensions:
    """Slicer's list of extensions, with what it is asked for."""

    def __init__(self, installed=False, works=True):
        self.asked, self.interactive, self._installed, self._works = [], True, installed, works

    def isExtensionInstalled(self, _name):
        return self._installed

    def updateExtensionsMetadataFromServer(self, _force, _wait):
        self.asked.append("update")
        return True

    def installExtensionFromServer(self, name, restart):
        assert not self.interactive
        self.asked.append((name, restart))
        return self._works


@pytest.fixture
def offer(widget, monkeypatch):  # noqa: F811
    """Press the button without the PyTorch extension, and answer its questions."""
    import slicer

    def press(model, *answers):
        questions, left, restarts = [], list(answers), []
        monkeypatch.setattr(type(slicer.app), "extensionsManagerModel", lambda self: model, raising=False)
        monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda words: questions.append(words) or left.pop(0))
        monkeypatch.setattr(slicer.util, "restart", lambda: restarts.append(1))
        monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
        need(widget, monkeypatch, "torch>=2.6", after=["torch>=2.6"])
        click(widget.ui.setupButton)
        return questions, restarts, widget.ui.errorLabel.text

    return press


def test_the_extension_is_offered_installed_and_slicer_restarted(offer):
    model = Extensions()
    questions, restarts, said = offer(model, True, True)
    assert "needs Slicer's extension PyTorch" in questions[0]
    assert "Restart Slicer now?" in questions[1]
    assert model.asked == ["update", ("PyTorch", False)]
    assert model.interactive
    assert restarts == [1]
    assert "restart Slicer" in said


@pytest.mark.parametrize(
    ("model", "answers", "sentence"),
    [
        (Extensions(), [False], "Nothing was installed: press the button again when you are ready."),
        (Extensions(), [True, False], "The PyTorch extension is installed: restart Slicer, then press"),
        (Extensions(installed=True), [], "The PyTorch extension is installed: restart Slicer, then press"),
        (Extensions(works=False), [True], "The PyTorch extension is missing: install it in the Extensions Manager"),
        (types.SimpleNamespace(), [True], "The PyTorch extension is missing: install it in the Extensions Manager"),
        (None, [], "The PyTorch extension is missing: install it in the Extensions Manager"),
    ],
)
def test_what_the_user_has_to_do_next_is_said(offer, model, answers, sentence):
    _questions, restarts, said = offer(model, *answers)
    assert said.startswith(sentence)
    assert restarts == []
