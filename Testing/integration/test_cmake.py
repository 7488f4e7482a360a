"""The extension's CMake, configured against a stand-in for Slicer (``cmake_stub`` says what that proves)."""

import filecmp
import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image
from support import cmake_lists
from support.repository import ROOT, SUPPORT

STUB = SUPPORT / "cmake_stub"
MODULES = Path("lib/Slicer-stub/qt-scripted-modules")
# No compiler is needed for scripts: CMake is told that it has one.
COMPILERS = [
    f"-DCMAKE_{language}_COMPILER{suffix}"
    for language in ("C", "CXX")
    for suffix in ("=/bin/true", "_ID_RUN=1", "_FORCED=1")
]
ENTRY_FIELDS = {
    "$schema": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "category": str,
    "dicom_support_rule": str,
    "enabled": bool,
    "scm_revision": str,
    "scm_type": str,
    "scm_url": str,
    "tier": int,
}


def find_cmake():
    """CMake on the PATH, else the one of the `cmake` wheel, else None."""
    if found := shutil.which("cmake"):
        return found
    if find_spec("cmake") is None:
        return None
    import cmake

    return shutil.which("cmake", path=cmake.CMAKE_BIN_DIR)


CMAKE = find_cmake()
needs_cmake = pytest.mark.skipif(
    CMAKE is None, reason="no cmake on the PATH and no `cmake` wheel: pip install -c constraints.txt cmake"
)


def configure(tree, build):
    """Run CMake on a tree; its words, in one line each paragraph, are in `stderr`."""
    command = [CMAKE, "-S", tree, "-B", build, f"-DSlicer_DIR={STUB}", *COMPILERS]
    done = subprocess.run(command, capture_output=True, text=True)
    done.stderr = " ".join(done.stderr.split())
    return done


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The extension of this checkout, configured."""
    folder = tmp_path_factory.mktemp("build")
    done = configure(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def description(build):
    """The metadata as CMake understood them."""
    return dict(line.split("=", 1) for line in (build / "description.txt").read_text(encoding="utf-8").splitlines())


@pytest.fixture
def tree(tmp_path):
    """A copy of the extension's sources, for a test to spoil."""
    copy = tmp_path / "tree"
    for folder in cmake_lists.FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CMakeLists.txt", copy)
    return copy


@pytest.fixture
def entry():
    return json.loads((ROOT / "LiverTumorSeg.json").read_text(encoding="utf-8"))


def edit(path, old, new):
    """Replace what a file must hold."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refusal(tree):
    """What CMake says of a spoilt tree."""
    done = configure(tree, tree.parent / "build")
    assert done.returncode != 0
    return done.stderr


def source_of(copied):
    """The source that a file among the installed modules comes from."""
    inside_library = copied.parts[0] == "LiverTumorSegLib"
    return ROOT / copied if inside_library else ROOT / "LiverTumorSeg" / copied


@needs_cmake
def test_the_extension_installs_exactly_its_sources(build):
    copied = {path.relative_to(build / MODULES) for path in (build / MODULES).rglob("*") if path.is_file()}
    sources = {
        path
        for folder in cmake_lists.FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and cmake_lists.packaged(path.relative_to(ROOT / folder))
    }
    assert {source_of(path) for path in copied} == sources
    assert all(filecmp.cmp(build / MODULES / path, source_of(path), shallow=False) for path in copied)


@needs_cmake
def test_the_module_lies_at_the_top_and_the_library_in_its_own_folder(build):
    assert (build / MODULES / "LiverTumorSeg.py").is_file()
    assert (build / MODULES / "Resources/UI/LiverTumorSeg.ui").is_file()
    assert (build / MODULES / "LiverTumorSegLib/core/about.py").is_file()


@needs_cmake
def test_the_modules_own_test_and_slicers_generic_one_are_registered(build):
    ctest = shutil.which("ctest", path=str(Path(CMAKE).parent))
    listed = subprocess.run([ctest, "--show-only=json-v1"], cwd=build, capture_output=True, text=True, check=True)
    names = {test["name"] for test in json.loads(listed.stdout)["tests"]}
    assert names == {"py_LiverTumorSeg", "py_nomainwindow_qSlicerLiverTumorSegModuleGenericTest"}


@needs_cmake
def test_both_modules_are_configured_and_packaged(description):
    assert description["MODULES"].split(";") == list(cmake_lists.FOLDERS)
    assert description["PACKAGED"] == "yes"


def test_the_lists_are_those_that_make_cmake_lists_writes():
    for folder in cmake_lists.FOLDERS:
        text = (ROOT / folder / "CMakeLists.txt").read_text(encoding="utf-8")
        assert cmake_lists.filled(text, cmake_lists.files(ROOT / folder)) == text, "run `make cmake-lists`"


def test_a_list_that_is_not_there_cannot_be_filled():
    with pytest.raises(ValueError, match="MODULE_PYTHON_SCRIPTS"):
        cmake_lists.filled("set(OTHER a.py)", {cmake_lists.SCRIPTS: ["a.py"]})


@needs_cmake
@pytest.mark.parametrize(
    "name",
    ["LiverTumorSeg/LiverTumorSegPanel/new.py", "LiverTumorSeg/Resources/new.ui", "LiverTumorSegLib/recipes/new.yaml"],
)
def test_an_unlisted_file_is_named(tree, name):
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).touch()
    assert f"Not listed in {tree}/{name.split('/')[0]}/CMakeLists.txt: {name.split('/', 1)[1]}" in refusal(tree)


@needs_cmake
def test_a_listed_file_that_is_missing_is_named(tree):
    (tree / "LiverTumorSegLib/core/volume.py").unlink()
    assert "lists core/volume.py, which does not exist" in refusal(tree)


@needs_cmake
def test_a_file_listed_twice_is_refused(tree):
    edit(tree / "LiverTumorSegLib/CMakeLists.txt", "  core/volume.py", "  core/volume.py\n  core/volume.py")
    assert "listed twice" in refusal(tree)


@needs_cmake
def test_a_misspelt_keyword_is_named(tree):
    edit(tree / "LiverTumorSeg/CMakeLists.txt", "  NAME ${MODULE_NAME}", "  TITLE ${MODULE_NAME}")
    assert "unknown keywords 'TITLE;LiverTumorSeg'" in refusal(tree)


@needs_cmake
def test_a_misspelt_keyword_after_a_list_is_taken_for_one_of_its_files_and_named(tree):
    edit(tree / "LiverTumorSegLib/CMakeLists.txt", "  WITH_SUBDIR\n", "  WITH_SUBDIRS\n")
    assert "lists WITH_SUBDIRS, which does not exist" in refusal(tree)


@needs_cmake
@pytest.mark.parametrize(
    "field", ["HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"]
)
def test_an_empty_field_is_named(tree, field):
    edit(tree / "CMakeLists.txt", f"set(EXTENSION_{field} ", f'set(EXTENSION_{field} "")\nset(UNUSED ')
    assert f"EXTENSION_{field} is empty" in refusal(tree)


@needs_cmake
def test_a_field_that_became_a_list_is_named(tree):
    edit(tree / "CMakeLists.txt", '"Segmentation"', "Segmentation Liver")
    assert "EXTENSION_CATEGORY is a list of 2" in refusal(tree)


@needs_cmake
def test_the_project_must_be_named_before_slicer_is_used(tree):
    edit(tree / "CMakeLists.txt", "project(LiverTumorSeg)\n", "")
    assert "project(<name of the extension>) must come before" in refusal(tree)


@needs_cmake
def test_a_test_of_a_script_that_is_not_there_is_refused(tree):
    edit(tree / "LiverTumorSeg/CMakeLists.txt", "SCRIPT ${MODULE_NAME}.py", "SCRIPT Other.py")
    assert "there is no script 'Other.py'" in refusal(tree)


def test_the_catalogues_entry_keeps_to_its_schema(entry):
    assert entry["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert {"$schema", "category", "scm_url"} <= set(entry) <= set(ENTRY_FIELDS)
    assert all(type(value) is ENTRY_FIELDS[key] for key, value in entry.items())
    assert 1 <= entry["tier"] <= 5


@needs_cmake
def test_the_catalogues_entry_and_cmake_agree(entry, description):
    assert description["NAME"] == "LiverTumorSeg"
    assert description["CATEGORY"] == entry["category"]
    assert description["DEPENDS"].split() == entry["build_dependencies"]
    assert description["HOMEPAGE"] == entry["scm_url"]


@needs_cmake
def test_the_catalogue_can_read_every_field_as_text(description):
    """Its checks search the file for quoted values, and take the first project for the extension's name."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for field in ("HOMEPAGE", "CATEGORY", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert f'set(EXTENSION_{field} "{description[field]}")' in text
    assert text.split("project(")[1].startswith("LiverTumorSeg)")


@needs_cmake
def test_the_pictures_addresses_lead_to_files_of_this_tree(entry, description):
    raw = entry["scm_url"].replace("https://github.com/", "https://raw.githubusercontent.com/")
    prefix = f"{raw}/{entry['scm_revision']}/"
    for address in [description["ICONURL"], *description["SCREENSHOTURLS"].split(" ")]:
        assert address.startswith(prefix)
        assert (ROOT / address.removeprefix(prefix)).is_file(), address


@pytest.mark.parametrize("folder", ["Resources", "LiverTumorSeg/Resources"])
def test_the_icons_are_square_and_of_the_catalogues_size(folder):
    with Image.open(ROOT / folder / "Icons/LiverTumorSeg.png") as icon:
        assert (icon.size, icon.mode) == ((128, 128), "RGBA")


@needs_cmake
def test_the_description_says_that_it_is_no_medical_device(description):
    assert "For research only" in description["DESCRIPTION"]
    assert "not a medical device" in description["DESCRIPTION"]


def test_the_licence_lies_at_the_root():
    assert (ROOT / "LICENSE.txt").read_text(encoding="utf-8").lstrip().startswith("Apache License")


def test_sources_end_their_lines_as_the_catalogue_asks():
    texts = [path for folder in cmake_lists.FOLDERS for path in (ROOT / folder).rglob("*.*")]
    texts = [path for path in texts if path.suffix in {".py", ".ui", ".txt", ".json", ".yaml", ".html", ".md"}]
    assert texts
    assert [path for path in [ROOT / "CMakeLists.txt", *texts] if b"\r\n" in path.read_bytes()] == []
