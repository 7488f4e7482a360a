import importlib.metadata
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest
from support.module_case import MODULE, harness, widget  # noqa: F401

from LiverTumorSegLib.core.atomic_files import SHARED_PREFIX, remove_leftovers
from LiverTumorSegLib.core.errors import UserError


@pytest.fixture
def setup(widget):  # noqa: F811
    from LiverTumorSegPanel import setup

    return setup


def requirements(tmp_path, *lines):
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    return tmp_path / "requirements.txt"


@pytest.fixture
def pip(monkeypatch):
    """What Slicer's installer is asked for; nothing is installed."""
    asked = []
    monkeypatch.setattr("slicer.util.pip_install", lambda arguments: asked.append(read(arguments)))
    return asked


def read(arguments):
    *wanted, option, path = arguments
    assert option == "--constraint"
    return wanted, Path(path).read_text().split()


def test_nothing_is_missing_here(setup):
    assert setup.missingPackages(MODULE.parent / "Resources" / "requirements.txt") == []


def test_the_modules_requirements_are_the_librarys_without_what_slicer_brings_and_the_command_line():
    import re

    tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11 or newer")
    project = tomllib.loads((MODULE.parents[1] / "pyproject.toml").read_text())["project"]["dependencies"]
    brought = {"numpy", "simpleitk", "vtk", "rich", "typer"}
    brought.add("isal")  # for compressed files, of which the module hands none over
    names = {re.split("[>=]", line)[0].lower() for line in project} - brought
    own = (MODULE.parent / "Resources" / "requirements.txt").read_text().split()
    assert {line.split(">=")[0] for line in own} == names
    assert set(own) <= set(project)


def test_what_is_absent_or_too_old_is_missing(setup, tmp_path):
    path = requirements(tmp_path, "# comment", "", "numpy>=1.0", "numpy>=99", "no-such-package>=1", "torch>=2.6")
    assert setup.missingPackages(path) == ["numpy>=99", "no-such-package>=1"]


def test_slicers_own_packages_are_never_replaced(setup, pip):
    setup.install(["monai>=1.5", "nibabel>=5.2"])
    ((wanted, constraints),) = pip
    assert wanted == ["monai>=1.5", "nibabel>=5.2"]
    for name in ("numpy", "torch", "SimpleITK"):
        version = importlib.metadata.version(name)
        assert f"{name}=={version}".lower() in [line.lower() for line in constraints]


def test_a_worker_that_tidies_up_at_that_moment_leaves_the_list_of_versions(setup, pip, monkeypatch):
    def versions():
        remove_leftovers(Path(tempfile.gettempdir()), SHARED_PREFIX)
        return ["numpy==2.0"]

    monkeypatch.setattr(setup, "_installedVersions", versions)
    setup.install(["monai>=1.5"])
    assert pip == [(["monai>=1.5"], ["numpy==2.0"])]


def test_a_newer_slicer_installs_through_its_packaging(setup, pip, monkeypatch):
    asked = []
    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_ensure = lambda wanted, **options: asked.append((wanted, options))
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    setup.install(["monai>=1.5"])
    assert asked[0][0] == ["monai>=1.5"]
    assert asked[0][1]["requester"] == "LiverTumorSeg"
    assert pip == []


def test_pytorch_comes_through_its_extension_alone(setup, pip, monkeypatch):
    asked = []

    class Logic:
        def installTorch(self, **options):
            asked.append(options)
            return object()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=Logic))
    setup.install(["torch>=2.6"])
    assert asked == [{"askConfirmation": True, "torchVersionRequirement": ">=2.6"}]
    assert pip == []


def test_installing_again_takes_pytorch_away_first_and_leaves_slicers_own_packages(setup, pip, monkeypatch):
    done = []

    class Logic:
        def uninstallTorch(self):
            done.append("uninstall")

        def installTorch(self, **options):
            done.append(options["askConfirmation"])
            return object()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=Logic))
    setup.install(["scipy>=1.12", "monai>=1.5", "torch>=2.6"], again=True, ask=False)
    assert done == ["uninstall", False]
    (forced, _), (rest, constraints) = pip
    assert forced == ["monai>=1.5", "--force-reinstall", "--no-deps"]
    assert rest == ["scipy>=1.12", "monai>=1.5"]
    assert any(line.lower().startswith("pydicom==") for line in constraints)


def test_without_the_extension_the_user_is_told_to_install_it(setup, pip, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(UserError, match="PyTorch extension is missing: install it in the Extensions Manager"):
        setup.install(["torch>=2.6", "monai>=1.5"])
    assert pip == []


def test_declining_pytorch_is_said(setup, pip, monkeypatch):
    logic = types.SimpleNamespace(installTorch=lambda **_: None)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=lambda: logic))
    with pytest.raises(UserError, match="PyTorch was not installed"):
        setup.install(["torch>=2.6"])


def test_an_installation_that_fails_is_one_sentence(setup, monkeypatch):
    def fail(arguments):
        msg = "no network"
        raise RuntimeError(msg)

    monkeypatch.setattr("slicer.util.pip_install", fail)
    with pytest.raises(UserError, match=r"The installation failed \(no network\)"):
        setup.install(["monai>=1.5"])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("User declined package installation"), "Nothing was installed: press the button again when"),
        (type("InstallationAbortedError", (Exception,), {})("monai"), "Nothing was installed: press the button"),
        (RuntimeError("PythonSlicer executable not found"), "The installation failed .PythonSlicer executable"),
        (subprocess.CalledProcessError(1, "pip install"), "The installation failed .*check the connection"),
    ],
)
def test_a_declined_question_is_no_failure_of_the_connection(setup, monkeypatch, error, sentence):
    def ensure(wanted, **_):
        raise error

    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_ensure = ensure
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    with pytest.raises(UserError, match=sentence):
        setup.install(["monai>=1.5"])


def test_slicers_own_question_is_left_out_where_the_user_was_asked(setup, monkeypatch):
    given = []
    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_ensure = lambda wanted, **options: given.append(options.get("prompt_install", "asks"))
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    setup.install(["highdicom>=0.28"], ask=False)
    setup.install(["monai>=1.5"])
    assert given == [False, "asks"]


def test_printed_lines_are_told_and_still_printed(setup, monkeypatch, capsys):
    monkeypatch.setattr("slicer.util.pip_install", lambda _: print("Collecting monai\n\nhalf a", "line"))
    told = []
    setup.install(["monai>=1.5"], told.append)
    assert told == ["Collecting monai", "half a line"]
    assert "Collecting monai" in capsys.readouterr().out
