"""Mistakes of the kinds that this code invites, planted one by one: the tests beside each must catch it."""

import os
import shutil
import sys
from contextlib import closing

import pytest
from support.repository import ROOT, TESTING
from support.sandbox import Sandbox
from support.slicer_harness import available

PANEL, WIDGET, UI = (
    "LiverTumorSegPanel",
    "LiverTumorSeg/LiverTumorSeg.py",
    "LiverTumorSeg/Resources/UI/LiverTumorSeg.ui",
)
RUNNING, SETUP = f"LiverTumorSeg/{PANEL}/running.py", f"LiverTumorSeg/{PANEL}/setup.py"
RESULTS = f"LiverTumorSeg/{PANEL}/results.py"
MRML = "LiverTumorSegLib/apps/panel/mrml"
HIDDEN = "integration/slicer/test_running.py::test_what_has_nothing_to_show_is_hidden"
CHOICES = "integration/slicer/test_widget.py::test_every_choice_of_the_panel_reaches_the_request"
LOADED = "integration/slicer/test_widget.py::test_a_loaded_scene_brings_settings_and_result_back"
CLOSED = "integration/slicer/test_widget.py::test_closing_the_module_ends_the_worker_with_its_files"
BEFORE = "integration/slicer/test_running.py::test_what_is_wrong_before_the_start_is_an_error_too"
RESULT = (
    "integration/slicer/test_results.py::test_the_result_can_be_read_gone_to_copied_saved_reported_and_measured_again"
)
PLACES = "unit/apps/panel/test_mrml_segmentations.py::test_segments_are_the_labels_and_lie_where_the_ct_does"
KEPT = "unit/apps/panel/test_mrml_segmentations.py::test_other_segments_stay_and_an_earlier_result_goes_only_when_told"
VOXELS = "unit/apps/panel/test_mrml_volumes.py::test_voxels_lie_where_the_scene_shows_them"
ROWS = "unit/apps/panel/test_mrml_tables.py::test_rows_come_back_as_they_went_in"
OWN = "integration/slicer/test_setup.py::test_slicers_own_packages_are_never_replaced"
PACKAGES = ("monai", "pytest", "vtk", "slicer_core", "PySide6.QtWidgets", "PySide6.QtUiTools", "PySide6.QtTest")

MISTAKES = {
    "a misspelt property": (RUNNING, "button.enabled = state", "button.enable = state", HIDDEN),
    "a property called as a method": (
        RUNNING,
        "value = int(100 * self.panel.fraction)",
        "value(int(100 * self.panel.fraction))",
        HIDDEN,
    ),
    "a lost signal": (RUNNING, 'ui.segmentButton.connect("clicked(bool)", self._onButton)', "pass", BEFORE),
    "a signal that does not exist": (
        RUNNING,
        '"clicked(bool)", self._onPreview',
        '"clicked(int)", self._onPreview',
        HIDDEN,
    ),
    "a table that nobody listens to": (
        RESULTS,
        'ui.lesionTable.connect("itemSelectionChanged()", self._onLesion)',
        "pass",
        RESULT,
    ),
    "a parameter that does not exist": (UI, ">batch<", ">slices<", HIDDEN),
    "a widget that the code does not find": (UI, 'name="stageLabel"', 'name="stateLabel"', HIDDEN),
    "a selector without a scene": (
        UI,
        "<receiver>inputSelector</receiver>",
        "<receiver>roiSelector</receiver>",
        BEFORE,
    ),
    "a timer that is not started": (WIDGET, "self._timer.start()", "pass", CLOSED),
    "a worker that is left behind": (WIDGET, "            self.logic.close()", "            pass", CLOSED),
    "a choice that is not passed on": (
        f"LiverTumorSeg/{PANEL}/parameters.py",
        "Output(parameters.oneEach, ",
        "Output(False, ",
        CHOICES,
    ),
    "a loaded scene that is not noticed": (WIDGET, "slicer.mrmlScene.EndImportEvent,", "9999,", LOADED),
    "segments without the CT's transform": (
        f"{MRML}_segmentations.py",
        "segmentation.SetAndObserveTransformNodeID(volume.GetTransformNodeID())",
        "pass",
        PLACES,
    ),
    "a CT without its transform": (
        f"{MRML}_volumes.py",
        "return local_to_world(node) @ ijk_to_local(node)",
        "return ijk_to_local(node)",
        VOXELS,
    ),
    "another's segments thrown away": (f"{MRML}_segmentations.py", "if output.replace else []", "", KEPT),
    "two columns exchanged": (
        f"{MRML}_tables.py",
        "row.get(key)",
        'row.get({"r": "a"}.get(key, key))',
        ROWS,
    ),
    "Slicer's numpy free to be replaced": (SETUP, '"--constraint", str(constraints)', "", OWN),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Module and library in a folder of their own."""
    why = available.reason()
    if why:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("copy")
    for name in ("LiverTumorSeg", "LiverTumorSegLib"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def sandbox(copy):
    """Forks of a process that has loaded everything but the module and the library."""
    with closing(Sandbox(*PACKAGES, own_interpreter=True, PYTHONPATH=f"{copy}{os.pathsep}{TESTING}")) as one:
        yield one


def run_tests(module, patience, *arguments):
    """Run tests on the module of another place; for the sandbox."""
    os.environ |= {"LIVERTUMORSEG_MODULE": module, "LIVERTUMORSEG_PATIENCE": patience}
    sys.dont_write_bytecode = True
    code = pytest.main(["-x", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *arguments])
    print("Library:", sys.modules["LiverTumorSegLib"].__file__)
    sys.exit(code)


def run(sandbox, copy, *tests, patience=12):
    chosen = [str(TESTING / test) for test in tests]
    configuration = ["-c", str(ROOT / "pyproject.toml")]
    function = "robustness.test_planted_mistakes:run_tests"
    done = sandbox.run(function, str(copy / WIDGET), str(patience), *configuration, *chosen, folder=copy, seconds=900)
    assert f"Library: {copy}" in done.out, done.out[-3000:] + done.err[-2000:]
    return done


def test_without_a_mistake_the_same_tests_pass(sandbox, copy):
    done = run(sandbox, copy, *dict.fromkeys(test for *_, test in MISTAKES.values()), patience=120)
    assert done.code == 0, done.out[-3000:]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(sandbox, copy, mistake):
    name, right, wrong, test = MISTAKES[mistake]
    path = copy / name
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{right!r} is {text.count(right)} times in {name}"
    changed = text.replace(right, wrong)
    if path.suffix == ".py":
        compile(changed, name, "exec")  # a mistake that Python itself would refuse proves nothing
    path.write_text(changed, encoding="utf-8")
    try:
        done = run(sandbox, copy, test)
    finally:
        path.write_text(text, encoding="utf-8")
    assert done.code == 1, done.out[-3000:] + done.err[-2000:]
    assert " failed" in done.out or " error" in done.out
