"""The library's packages and the one direction in which they import each other."""

import ast

import pytest
from support.import_graph import read_imports, rings
from support.repository import LIBRARY

ORDER = (
    "core", "io", "preprocessing", "postprocessing", "networks", "models", "inference", "reporting", "pipeline",
    "clicked_lesion", "follow_up",
    "datasets", "evaluation", "training", "experiments", "export",
    "apps", "apps.http_access", "apps.http_server", "apps.cohort", "apps.worker", "apps.panel", "apps.pacs", "apps.web",
    "apps.cli",
    "the public API",
)  # fmt: skip
"""Packages and what lies loose beside them: each may import those before it, and none after it."""

PACKAGES = 15
AT_THE_ROOT = {"__init__.py", "clicked_lesion.py", "pipeline.py", "py.typed", "CMakeLists.txt"}
SMALL_FILES, SMALL_LINES = 25, 40


def place(module):
    """Name in the order of a module or package; each of the apps has its own."""
    _, *parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] == "apps" else 1]) if parts else "the public API"


def wrong_way(imports):
    order = {name: number for number, name in enumerate(ORDER)}
    return [str(each) for each in imports if order[place(each.importer)] < order[place(each.imported)]]


@pytest.fixture(scope="module")
def imports():
    return read_imports(LIBRARY)


@pytest.fixture
def library(tmp_path):
    """A library of a ``core`` and an ``io``, with a function that writes more."""

    def write(name, text=""):
        file = tmp_path / "Library" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return tmp_path / "Library"

    for name in ("__init__.py", "core/__init__.py", "core/a.py", "core/b.py", "io/__init__.py", "io/c.py"):
        write(name)
    return write


def is_bare_package(file):
    """Whether it is an ``__init__`` of one docstring, which only says what its package is."""
    return file.name == "__init__.py" and len(ast.parse(file.read_text(encoding="utf-8")).body) <= 1


def test_packages_are_few_and_nothing_lies_loose():
    there = [entry for entry in LIBRARY.iterdir() if entry.name != "__pycache__"]
    assert {entry.name for entry in there if entry.is_file()} <= AT_THE_ROOT
    assert len([entry for entry in there if entry.is_dir()]) <= PACKAGES


def test_every_package_has_its_place_in_the_order(imports):
    modules = {each.importer for each in imports} | {each.imported for each in imports}
    assert {place(module) for module in modules} <= set(ORDER)
    folders = {entry.name for entry in LIBRARY.iterdir() if entry.is_dir() and entry.name != "__pycache__"}
    assert folders <= {name.partition(".")[0] for name in ORDER}


def test_every_import_goes_to_a_package_before(imports):
    assert wrong_way(imports) == []


def test_no_modules_import_each_other_in_a_ring(imports):
    assert [list(map(str, ring)) for ring in rings(imports)] == []


def test_files_are_subjects():
    """An ``__init__`` of one docstring is no subject that was torn apart, and is not counted."""
    files = [file for file in LIBRARY.rglob("*.py") if not is_bare_package(file)]
    small = [file for file in files if len(file.read_text(encoding="utf-8").splitlines()) < SMALL_LINES]
    assert len(small) <= SMALL_FILES, sorted(file.relative_to(LIBRARY).as_posix() for file in small)


@pytest.mark.parametrize(
    "text",
    [
        "from ..io.c import x",
        "from ..io import c",
        "from .. import io",
        "from Library.io.c import x",
        "import Library.io.c",
        "def late():\n    from ..io import c",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..io.c import x",
    ],
)
@pytest.mark.parametrize("name", ["core/a.py", "core/__init__.py"])
def test_an_import_of_a_later_package_is_named(library, name, text):
    [problem] = wrong_way(read_imports(library(name, text)))
    assert problem.startswith(f"Library/{name}:{len(text.splitlines())} imports Library.io")


def test_a_ring_is_named_with_its_imports_alone(library):
    library("core/a.py", "def late():\n    from .b import x")
    library("core/b.py", "from .a import y")
    [ring] = rings(read_imports(library("io/c.py", "from ..core.a import y")))
    assert list(map(str, ring)) == [
        "Library/core/a.py:2 imports Library.core.b",
        "Library/core/b.py:1 imports Library.core.a",
    ]


def test_a_package_itself_can_be_on_a_ring(library):
    library("core/__init__.py", "from .a import x")
    [ring] = rings(read_imports(library("core/a.py", "from . import y")))
    assert [each.imported for each in ring] == ["Library.core.a", "Library.core"]


def test_a_neighbour_imported_by_its_name_counts(library):
    text = "from importlib import import_module\nfound = import_module(f\".{'b'}\", __package__)"
    library("core/a.py", text)
    [ring] = rings(read_imports(library("core/b.py", "from . import a")))
    assert len(ring) == 2
