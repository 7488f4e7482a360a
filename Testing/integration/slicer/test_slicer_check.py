"""The script for a real Slicer runs here too, as far as the harness goes, and agrees with the checklist."""

import json
import re
import sys
from contextlib import nullcontext
from html import escape
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest
from support.module_case import MODULE, harness, lasting_worker  # noqa: F401
from support.repository import ROOT

pytestmark = pytest.mark.usefixtures("lasting_worker")
LIST = (ROOT / "Testing" / "slicer_checklist.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^\| (\d+) \|.*\| (yes|part|) ?\|$", LIST, re.MULTILINE)
LACKING = {
    "Sample CT (step 16)": "SampleData",
    "Segment Statistics (step 38)": "SegmentStatistics",
    "DICOM in and out (step 39)": "DICOMLib",
}
"""What of Slicer the harness has not, by the parts that are left out for it."""


@pytest.fixture
def script(harness, monkeypatch):  # noqa: F811
    monkeypatch.syspath_prepend(str(ROOT / "Testing"))
    monkeypatch.delitem(sys.modules, "slicer_check", raising=False)
    import slicer_check

    return slicer_check


def test_the_checklist_has_one_numbering():
    assert [int(number) for number, _ in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(re.findall(r"^\| \d", LIST, re.MULTILINE)) == len(STEPS)


def test_the_checklist_marks_what_the_script_does(script):
    done = {str(step) for check in script.CHECKS for step in check.steps} | {"2"}
    assert done == {number for number, marked in STEPS if marked}


def test_all_that_needs_no_eyes_passes_or_is_left_out_by_name(harness, script, tmp_path):  # noqa: F811
    harness.load_module(MODULE)
    checks = [check for check in script.CHECKS if check.name != "The module's own tests"]  # test_selftest.py has these
    page, results = script.check(tmp_path / "page", checks)
    print(*(f"{result.seconds:.1f} s: {result.name}" for result in results), sep="\n")
    wrong = [f"{result.name}: {result.sentence} {result.figures}" for result in results if result.status == "failed"]
    assert not wrong, "\n".join(wrong)
    skipped = {result.name: result.sentence for result in results if result.status == "skipped"}
    assert set(skipped) == set(LACKING)
    for name, module in LACKING.items():
        assert skipped[name] == f"Left out: there is no module {module} here."
    text = page.read_text(encoding="utf-8")
    assert "data:image/png;base64," in text
    assert all(escape(result.name) in text for result in results)
    written = json.loads((tmp_path / "page" / "check.json").read_text(encoding="utf-8"))
    assert len(written["results"]) == len(checks)
    assert written["environment"]["Slicer"]


def test_the_part_on_dicom_runs_where_there_is_a_database(harness, script, tmp_path, monkeypatch):  # noqa: F811
    """Slicer's DICOM module is stood in for: the series is read and loaded as it would."""
    import slicer

    from LiverTumorSegLib.io import volumes

    imported = {}

    def load(patient):
        volume = volumes.read_volume(imported["folder"], force=True)
        node = slicer.util.addVolumeFromArray(volume.voxels, slicer.util.vtkMatrixFromArray(volume.affine), patient)
        node.SetAttribute("DICOM.instanceUIDs", " ".join(imported["files"]))
        return [node.GetID()]

    def take(folder, database):
        files = {pydicom.dcmread(file).SOPInstanceUID: str(file) for file in Path(folder).iterdir()}
        imported.update(folder=folder, files=files)

    database = SimpleNamespace(patients=lambda: ["1"], fileForInstance=lambda uid: imported["files"].get(uid, ""))
    tools = SimpleNamespace(
        TemporaryDICOMDatabase=lambda: nullcontext(database), importDicom=take, loadPatientByUID=load
    )
    monkeypatch.setitem(sys.modules, "DICOMLib", SimpleNamespace(DICOMUtils=tools))
    harness.load_module(MODULE)
    checks = [check for check in script.CHECKS if check.name == "DICOM in and out"]
    _page, (result,) = script.check(tmp_path, checks)
    assert (result.status, result.sentence[-39:]) == ("passed", "was segmented, and its objects written.")


def test_a_part_that_fails_does_not_stop_the_others(harness, script, tmp_path):  # noqa: F811
    def fail(session):
        msg = "the bar stood still"
        raise AssertionError(msg)

    checks = [script.Check((1,), "bad", fail), script.Check((2,), "good", lambda _: "Fine.")]
    checks.append(script.Check((3,), "online", fail, online=True))
    _page, results = script.check(tmp_path, checks, offline=True)
    assert [(result.name, result.status) for result in results] == [
        ("bad (step 1)", "failed"),
        ("good (step 2)", "passed"),
        ("online (step 3)", "skipped"),
    ]
    assert results[0].sentence == "the bar stood still"
    assert "Traceback" in results[0].figures["details"]
