"""No file that is passed on says who the patient is, or where on which machine it was made.

Allowed are what the user named themselves and sees: the names of cases, folders and files that they chose, and what
they call nodes of a scene. Everything else of the input and of the machine is searched for in every byte written.
"""

import gzip
import io
import shutil
import socket
import sys
import zipfile
from contextlib import closing

import pytest
from PIL import Image, PngImagePlugin
from support.dicom_slices import write
from support.evaluation_cases import save, small_pair
from support.identified_dicom import DATE, NUMBERS, UID, WORD, identified, write_identified
from support.panels import settle
from support.repository import ROOT
from support.sandbox import Sandbox
from support.slicer_harness.fixtures import mrml  # noqa: F401
from support.training_cases import RECIPE, make_data

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from robustness.privacy.search import found

PLACES = (str(ROOT), sys.prefix, socket.gethostname())
MARKS = (WORD, *NUMBERS, *(place for place in PLACES if len(place) > 5))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A folder whose path and user are marked; the files to search go into folders in it."""
    return tmp_path_factory.mktemp(f"{WORD}machine")


@pytest.fixture(scope="module")
def sandbox(machine):
    (machine / "home").mkdir()
    own = {"HOME": str(machine / "home"), "USER": f"{WORD}user", "LOGNAME": f"{WORD}user"}
    with closing(Sandbox(**own, LIVERTUMORSEG_MODELS=str(machine / "models"))) as one:
        yield one


@pytest.fixture
def do(sandbox, machine):
    """Run a command line in the marked folder."""

    def do(*words, code=0):
        outcome = sandbox.livertumorseg(*words, folder=machine, seconds=300)
        assert (outcome.code, outcome.spoke_plainly) == (code, True), outcome
        return outcome

    return do


@pytest.fixture(scope="module")
def ct(machine):
    write_identified(machine / "patient")
    return machine / "patient"


def assert_nobody_is_named(folder):
    assert any(path.is_file() for path in folder.rglob("*"))
    assert found(folder, MARKS) == []


def test_the_input_is_full_of_marks(ct):
    marks = {line.split(": ")[1] for line in found(ct, MARKS)}
    assert {WORD, DATE, UID} <= marks
    attributes = sum(WORD in str(element.value) for element in identified()[0])
    assert attributes > 150


def test_the_search_sees_into_whatever_files_hold(tmp_path):
    picture = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", f"{WORD}1", zip=True)
    Image.new("L", (4, 4)).save(picture, "PNG", pnginfo=texts)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", gzip.compress(WORD.encode()))
    contents = {
        "plain": WORD.encode(),
        "utf16": WORD.encode("utf-16"),
        "lower": WORD.lower().encode(),
        "gz": gzip.compress(WORD.encode()),
        "zip": packed.getvalue(),
        "png": picture.getvalue(),
        "nrrd": b"NRRD0004\nencoding: gzip\n\n" + gzip.compress(WORD.encode()),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / f"{WORD}.txt").touch()
    assert [line.split(":")[0] for line in found(tmp_path, [WORD])] == sorted([f"{WORD}.txt", *contents])


@pytest.mark.parametrize("ending", ["seg.nrrd", "nii.gz", "nrrd"])
def test_a_segmentation_its_probabilities_and_its_report_name_nobody(do, ct, machine, ending):
    out = machine / f"out {ending}"
    out.mkdir()
    said = do(
        "segment", ct, "-o", out / f"labels.{ending}", "--report", out / "report", "--probabilities", out, "--json"
    )
    shown = said.out.replace(str(machine), "")  # where the labels are is for the user
    (out / "facts.json").write_text(shown, encoding="utf-8")
    assert_nobody_is_named(out)


def test_a_cohort_names_the_cases_as_the_user_did_and_nobody_else(do, machine):
    cohort, out = machine / "cohort", machine / "cohort labels"
    write_identified(cohort / "case one")
    for series in (2, 3):
        write_identified(cohort / "case two", series)
    gap = identified(4)
    del gap[3]
    write(gap, cohort / "gap")
    for path in write(identified(5), cohort / "damaged"):
        path.write_bytes(path.read_bytes()[:-60])
    words = ("segment-cohort", cohort, "-o", out, "--report", machine / "cohort reports", "--device", "cpu")
    do(*words, code=3)
    table = (out / "cohort.csv").read_text(encoding="utf-8")
    assert "slices are missing" in table
    assert "ends too early" in table
    assert len(list(out.glob("case two-*.seg.nrrd"))) == 2
    assert_nobody_is_named(out)
    assert_nobody_is_named(machine / "cohort reports")


def test_a_training_with_its_log_and_a_validation_name_no_place(do, machine):
    data, recipe, out = make_data(machine / "data"), machine / "quick.yaml", machine / "trained"
    recipe.write_text(RECIPE)
    changes = ("schedule.steps=2", "schedule.validate_every=1", "callbacks.pictures_every=1")
    options = [word for change in changes for word in ("--set", change)]
    do("train", recipe, "--data", data, "-o", out / "first", *options)
    more = (
        "--set",
        f"initial={out / 'first'}",
        "--set",
        f"data=[{{folder: {data / 'lits'}, intensities: [-40, 160]}}]",
    )
    do("train", recipe, f"--data={data}", "-o", out / "second", *options, *more)
    do("validate", out / "first", "--data", data, "--device", "cpu")
    assert_nobody_is_named(out)
    assert "livertumorseg train quick.yaml --data data" in (out / "first" / "model.json").read_text()


def test_an_evaluation_with_a_failure_names_no_place(do, machine):
    pair = small_pair()
    for number in (3, 20, 21):
        save(machine / "predictions" / f"volume-{number}.nii", pair.prediction)
        save(machine / "references" / f"segmentation-{number}.nii", pair.reference)
        save(machine / "cts" / f"volume-{number}.nii", pair.reference * 50)
    broken = machine / "references" / "segmentation-21.nii"
    broken.write_bytes(broken.read_bytes()[:400])
    (machine / "cts" / "volume-20.nii").write_bytes(b"no CT")
    folders = (machine / "predictions", machine / "references")
    options = ("--images", machine / "cts", "--bootstrap", 100, "--processes", 1)
    do("evaluate", *folders, "-o", machine / "evaluation", *options, code=3)
    assert_nobody_is_named(machine / "evaluation")


@pytest.mark.parametrize("kind", ["onnx", "torch-export", "monai-bundle"])
def test_an_export_names_no_place(do, machine, model_folder, kind):
    own = machine / "own model"
    if not own.exists():
        shutil.copytree(model_folder, own)
    do("export", own, "--format", kind, "-o", machine / kind)
    assert_nobody_is_named(machine / kind)


def test_what_the_module_adds_to_a_scene_names_nobody(mrml, warm_worker, small_phantom, tmp_path):  # noqa: F811
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_jobs import Request, SceneJobs

    affine = slicer.util.vtkMatrixFromArray(small_phantom.volume.affine)
    ct = slicer.util.addVolumeFromArray(small_phantom.volume.voxels, affine, "CT")
    for name in ("DICOM.instanceUIDs", "DICOM.PatientID"):
        ct.SetAttribute(name, f"{UID} {WORD}")
    ct.SetDescription(WORD)
    got, jobs = [], SceneJobs(Panel(warm_worker))
    jobs.segment(Request(ct, settings=PanelSettings(device="cpu")), got.append)
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error
    slicer.mrmlScene.RemoveNode(ct)  # what is left of it in the scene is what was copied from it
    saved = tmp_path / "scene"
    saved.mkdir()
    assert slicer.mrmlScene.WriteToMRB(str(saved / "scene.mrb"))
    assert found(saved, ["LiverTumorSeg.facts"])
    assert_nobody_is_named(saved)
