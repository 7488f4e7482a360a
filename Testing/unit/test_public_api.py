"""The names of the library's root: lazy, typed, documented by examples that run."""

import ast
import doctest
import inspect
import json
import re
import shutil
import subprocess
import sys

import pytest
from support.click_cases import save_click_model
from support.repository import LIBRARY, PYTHON_PATH
from support.training_cases import RECIPE, make_data

import LiverTumorSegLib as lts
from LiverTumorSegLib.io.nifti import write_volume

HEAVY = {"torch", "monai", "pydantic", "SimpleITK", "numpy", "lightning", "vtk", "highdicom"}
EXAMPLES = [name for name in lts.__all__ if name not in ("__version__", "networks")] + ["networks.create"]
SECTIONS = {"UserError": ("Example:",), "networks.create": ("Args:", "Returns:", "Raises:", "Example:")}


def public(name):
    found = lts
    for part in name.split("."):
        found = getattr(found, part)
    return found


def run_alone(code):
    environment = {"PYTHONPATH": PYTHON_PATH, "PATH": "/usr/bin:/bin"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return json.loads(ended.stdout)


def test_importing_the_library_loads_nothing_heavy():
    code = "import json, sys, LiverTumorSegLib as l; dir(l), l.__version__; print(json.dumps(list(sys.modules)))"
    assert not HEAVY & set(run_alone(code))


def test_a_submodule_is_still_imported_and_an_unknown_name_is_missed():
    from LiverTumorSegLib import core

    assert core.__name__ == "LiverTumorSegLib.core"
    with pytest.raises(AttributeError, match="no attribute 'segmentt'"):
        _ = lts.segmentt
    with pytest.raises(ImportError, match="cannot import name 'segmentt'"):
        from LiverTumorSegLib import segmentt  # noqa: F401


def typed_names():
    """Where type checkers find each name: the imports under ``if TYPE_CHECKING``."""
    tree = ast.parse((LIBRARY / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {name.name: node.module for node in block.body for name in node.names}


def test_names_are_loaded_from_where_type_checkers_find_them():
    assert lts.__all__ == sorted(lts.__all__)
    assert typed_names() == {**lts._MODULES, "networks": None}
    assert set(lts.__all__) == set(typed_names()) <= set(dir(lts))
    for name, module in lts._MODULES.items():
        found = getattr(lts, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert (found.__name__, found.__module__) == (name, f"LiverTumorSegLib.{module}")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_docstring_says_arguments_results_errors_and_an_example(name):
    found = public(name)
    usual = ("Args:", "Example:") if inspect.isclass(found) else ("Args:", "Raises:", "Example:")
    text = inspect.getdoc(found)
    assert [section for section in SECTIONS.get(name, usual) if section not in text] == []


def test_every_public_function_takes_its_arguments_by_keyword():
    for name in set(EXAMPLES) - {"UserError"}:
        kinds = {parameter.kind for parameter in inspect.signature(public(name)).parameters.values()}
        assert inspect.Parameter.POSITIONAL_ONLY not in kinds, name


@pytest.fixture
def examples_folder(small_phantom, model_folder, tmp_path, monkeypatch):
    """The files that examples name."""
    write_volume(tmp_path / "ct.nii.gz", small_phantom.volume)
    for folder in ("predictions", "references"):
        (tmp_path / folder).mkdir()
        lts.write_labels(tmp_path / folder / "patient.nii.gz", small_phantom.labels, small_phantom.volume)
    (tmp_path / "quick.yaml").write_text(RECIPE)
    make_data(tmp_path / "data")
    shutil.copytree(model_folder, tmp_path / "models" / "unet-lits")  # in place of those that ship, which take longer
    save_click_model(tmp_path / "models" / "lesion-click")
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name, examples_folder):
    if name == "train":
        pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
    found, said = public(name), []
    names = vars(sys.modules[found.__module__]).copy()
    (test,) = doctest.DocTestFinder(recurse=False).find(found, name, globs=names)
    assert test.examples
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert "".join(said) == ""


def test_the_three_lines_of_the_readme_print_liver_and_lesions(examples_folder, capsys):
    readme = (LIBRARY.parent / "README.md").read_text(encoding="utf-8")
    code = readme.partition("```python\nimport LiverTumorSegLib as lts\n")[2].partition("```")[0]
    assert len(code.splitlines()) == 2
    exec("import LiverTumorSegLib as lts\n" + code.replace("demo/ct.nii.gz", "ct.nii.gz"), {})  # noqa: S102
    assert re.match(r"Liver \d+ ml, \d+ lesions, [\d.]+ ml, burden [\d.]+ %", capsys.readouterr().out)
    assert lts.read_volume("liver.seg.nrrd", force=True).voxels.any()


def test_a_network_is_made_by_keywords():
    network = lts.networks.create("resnet50", in_channels=3, classes=1, width=4)
    assert (network.in_channels, network.classes) == (3, 1)


@pytest.mark.parametrize("name", ["name", "in_channels", "classes", "options"])
def test_options_of_a_model_that_are_called_as_arguments_are_refused_in_a_sentence(name):
    with pytest.raises(lts.UserError, match="cannot be built with the options"):
        lts.networks.create_with_options("unet", 1, 3, {name: 2})


def test_every_path_may_be_text(examples_folder, tmp_path):
    volume = lts.read_volume(str(tmp_path / "ct.nii.gz"))
    lts.write_labels(str(tmp_path / "out.nii.gz"), (volume.voxels > 90).astype("uint8"), volume)
    assert (tmp_path / "out.nii.gz").is_file()
    with pytest.raises(lts.UserError, match="no model “none”"):
        lts.segment_file("ct.nii.gz", "x.nii.gz", model="none")


def test_nothing_inside_the_library_imports_from_its_root():
    found = []
    for path in LIBRARY.rglob("*.py"):
        depth = len(path.relative_to(LIBRARY).parts)
        root = re.compile(rf"^\s*(from \.{{{depth}}} import|(from|import) LiverTumorSegLib\b).*", re.MULTILINE)
        if path.parent != LIBRARY:
            lines = [hit[0].strip() for hit in root.finditer(path.read_text(encoding="utf-8"))]
            found += [f"{path.relative_to(LIBRARY)}: {line}" for line in lines]
    assert found == []
