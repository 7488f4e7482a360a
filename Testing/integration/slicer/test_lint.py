"""The module's scripts keep the rules of Slicer's catalogue, and the check of that finds what breaks them."""

import pytest
from support import module_lint
from support.repository import ROOT

MODULE = ROOT / "LiverTumorSeg"


@pytest.fixture
def module(tmp_path):
    """Write a module whose helper script holds the given text."""

    def write(text):
        folder = tmp_path / "module"
        (folder / "LiverTumorSegPanel").mkdir(parents=True)
        (folder / "LiverTumorSeg.py").write_text("from LiverTumorSegPanel import helper\n", encoding="utf-8")
        (folder / "LiverTumorSegPanel/helper.py").write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def library(tmp_path):
    """A library with one light and one heavy part, and one that only tries."""
    package = tmp_path / "library" / "LiverTumorSegLib"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "light.py").write_text("import json\nNAME = 1\n", encoding="utf-8")
    (package / "heavy.py").write_text("from LiverTumorSegLib import deep\nNAME = 1\n", encoding="utf-8")
    (package / "deep.py").write_text("import scipy.ndimage\n", encoding="utf-8")
    (package / "tries.py").write_text(
        "try:\n    import torch\nexcept ImportError:\n    torch = None\n", encoding="utf-8"
    )
    return package.parent


def test_the_module_keeps_the_rules():
    assert module_lint.scripts(MODULE), f"no scripts under {MODULE}"
    assert module_lint.problems(MODULE) == []


def test_importing_the_module_pulls_nothing_heavy_out_of_the_library():
    assert module_lint.scripts(MODULE), f"no scripts under {MODULE}"
    assert module_lint.heavy_imports(MODULE, ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "import json\nfrom pathlib import Path\nimport qt, ctk, slicer, vtk\nimport numpy as np\n",
        "import slicer.util\nfrom slicer.ScriptedLoadableModule import *\nfrom LiverTumorSegLib import progress\n",
        "from . import controller\nfrom LiverTumorSegPanel.controller import Controller\nimport LiverTumorSeg\n",
        "def run():\n    import SimpleITK\n    import torch\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n",
        "def ask():\n    slicer.util.pip_install('monai>=1.5')\n    PyTorchUtils.PyTorchUtilsLogic().installTorch()\n",
        "startUp = lambda: downloadSamples()\n",
        "def main():\n    install()\nif __name__ == '__main__':\n    main()\n",
        "TEXT = 'Then pip install again, PySide6 or not.'\nprint('Ask for pip install monai.')\n",
        "class Widget:\n    def setup(self):\n        self.button.clicked.connect(self.downloadModel)\n",
    ],
)
def test_what_a_module_may_do_passes(module, text):
    assert module_lint.problems(module(text)) == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("import PySide6.QtWidgets\n", 1, "PySide6 is not Slicer's Qt"),
        ("def f():\n    from PyQt5 import QtCore\n", 2, "PyQt5 is not Slicer's Qt"),
        ("def f():\n    return importlib.import_module('PySide6.QtGui')\n", 2, "PySide6.QtGui is not Slicer's Qt"),
        ("import os\nimport torch\n", 2, "torch is imported"),
        ("from SimpleITK import Image\n", 1, "SimpleITK is imported"),
        ("try:\n    import pydantic\nexcept ImportError:\n    pass\n", 2, "pydantic is imported"),
        ("class Widget:\n    import monai\n", 2, "monai is imported"),
        ("def load():\n    import scipy\nload()\n", 2, "scipy is imported"),
        ("import pip\n", 1, "pip is called directly"),
        ("def f():\n    run([sys.executable, '-m', 'pip', 'install', 'x'])\n", 2, "pip is called directly"),
        ("def f():\n    os.system('pip install x')\n", 2, "pip is called directly"),
        ("def f(x):\n    subprocess.run(f'python -m pip install {x}', shell=True)\n", 2, "pip is called directly"),
        ("def f():\n    slicer.util.pip_install('torch>=2')\n", 2, "torch is installed past"),
        ("def f():\n    slicer.packaging.pip_ensure(['monai', 'torch'])\n", 2, "torch is installed past"),
        ("slicer.util.pip_install('monai')\n", 1, "slicer.util.pip_install is called"),
        ("class Logic:\n    model = fetcher.downloadModel()\n", 2, "fetcher.downloadModel is called"),
        ("def prepare():\n    slicer.util.pip_install('monai')\nprepare()\n", 2, "slicer.util.pip_install is called"),
        ("def f(data=urlopen('https://example.org')):\n    pass\n", 1, "urlopen is called"),
        ("@installed()\ndef f():\n    pass\n", 1, "installed is called"),
        ("if not found:\n    subprocess.check_call(['nvidia-smi'])\n", 2, "subprocess.check_call is called"),
    ],
)
def test_what_a_module_may_not_do_is_named_with_its_place(module, text, line, what):
    found = module_lint.problems(module(text))
    assert any(problem.startswith(f"LiverTumorSegPanel/helper.py:{line}: {what}") for problem in found), found


@pytest.mark.parametrize("statement", ["from LiverTumorSegLib import light", "from LiverTumorSegLib.light import NAME"])
def test_a_light_part_of_the_library_passes(module, library, statement):
    assert module_lint.heavy_imports(module(statement), library) == []


@pytest.mark.parametrize(
    ("statement", "package"),
    [
        ("from LiverTumorSegLib import heavy", "scipy"),
        ("from LiverTumorSegLib.heavy import NAME", "scipy"),
        ("import LiverTumorSegLib.deep", "scipy"),
        ("from LiverTumorSegLib import tries", "torch"),
    ],
)
def test_a_heavy_part_is_named_however_deep_or_guarded(module, library, statement, package):
    assert module_lint.heavy_imports(module(statement), library) == [f"{statement}: {package}"]


def test_an_import_within_a_function_may_be_heavy(module, library):
    assert module_lint.heavy_imports(module("def run():\n    from LiverTumorSegLib import heavy\n"), library) == []


def test_a_part_of_the_library_that_does_not_exist_is_named(module, library):
    (problem,) = module_lint.heavy_imports(module("from LiverTumorSegLib import nothing"), library)
    assert "cannot import name 'nothing'" in problem
