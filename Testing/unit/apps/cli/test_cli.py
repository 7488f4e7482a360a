import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.click_cases import save_click_model
from support.models import describe
from support.repository import ROOT

from LiverTumorSegLib import networks
from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.cli import segment
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models import store
from LiverTumorSegLib.models.description import Description, NetworkSpec
from LiverTumorSegLib.pipeline import SegmentationResult
from LiverTumorSegLib.reporting import lesions, surface_render

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])


def save(path, array, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


@pytest.fixture
def ct_file(tmp_path):
    voxels = np.random.default_rng(0).normal(0, 200, (40, 36, 10)).astype(np.int16)
    return save(tmp_path / "ct.nii.gz", voxels)


@pytest.fixture
def air(tmp_path):
    return save(tmp_path / "air.nii.gz", np.full((30, 30, 8), -1000, np.int16))


def test_segmenting_writes_labels_and_a_report_and_says_so(run, air, tmp_path, model_folder):
    out, report = tmp_path / "out.seg.nrrd", tmp_path / "report"
    code, said, _ = run("segment", air, "-o", out, "--model", model_folder, "--report", report, "--device", "cpu")
    assert code == 0
    files = [report / name for name in ("report.html", "lesions.csv", "patient.csv", "lesions.json")]
    named = f"Wrote {out}, {files[0]}, {files[1]}, {files[2]} and {files[3]}. Research only, not a medical device."
    assert said.splitlines()[-1].endswith(named)
    assert volumes.read_volume(out, force=True).voxels.shape == (8, 30, 30)
    assert sorted(report.iterdir()) == sorted(files)
    assert '<span class="ct">' not in (report / "report.html").read_text(encoding="utf-8")


def test_a_report_names_the_file_where_that_is_asked_for(run, air, tmp_path, model_folder):
    words = ("segment", air, "-o", tmp_path / "out.nii.gz", "-m", model_folder, "--device", "cpu", "--name-ct")
    code, _, complained = run(*words)
    assert (code, "--name-ct is about the report: add --report" in complained) == (3, True)
    assert run(*words, "--report", tmp_path / "report")[0] == 0
    assert '<span class="ct">: air</span>' in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_report_without_its_picture_is_warned_of(run, air, tmp_path, model_folder, monkeypatch, words):
    def surfaces(*_):
        why = "no renderer works on this machine"
        raise surface_render.NotDrawn(why)

    monkeypatch.setattr(surface_render, "render_surfaces", surfaces)
    options = ("--model", model_folder, "--report", tmp_path / "report", "--device", "cpu", *words)
    code, said, warned = run("segment", air, "-o", tmp_path / "out.nrrd", *options)
    assert code == 0
    sentence = "The three-dimensional picture is left out (no renderer works on this machine)."
    assert sentence in (json.loads(said)["warnings"] if words else warned)


def test_probabilities_lie_beside_each_other_and_agree_with_the_labels(run, ct_file, tmp_path, model_folder):
    words = ("--model", model_folder, "--full", "--no-largest-liver", "--no-lesions-in-liver", "--no-fill-holes")
    words += ("--smallest-liver", 0, "--smallest-lesion", 0, "--probabilities", tmp_path / "likely")
    assert run("segment", ct_file, "-o", tmp_path / "volume-3.seg.nrrd", *words)[0] == 0
    paths = sorted((tmp_path / "likely").iterdir())
    assert [path.name for path in paths] == ["volume-3_lesion.nii.gz", "volume-3_liver.nii.gz"]
    lesion, liver = (nibabel.load(path).get_fdata().transpose(2, 1, 0) for path in paths)
    labels = volumes.read_stored(tmp_path / "volume-3.seg.nrrd").values
    shares = np.sort([1 - liver, liver - lesion, lesion], axis=0)
    clear = shares[2] - shares[1] > 1e-4
    assert clear.any()
    assert np.array_equal(np.argmax([1 - liver, liver - lesion, lesion], axis=0)[clear], labels[clear])


def test_existing_probabilities_are_kept_and_found_before_the_work(run, air, tmp_path):
    (tmp_path / "out_lesion.nii.gz").write_text("mine")
    words = ("segment", air, "-o", tmp_path / "out.nii.gz", "--probabilities", tmp_path)
    code, _, complained = run(*words)
    assert code == 3
    assert "out_lesion.nii.gz exists already" in complained
    assert sorted(p.name for p in tmp_path.iterdir()) == ["air.nii.gz", "out_lesion.nii.gz"]
    assert run(*words, "--overwrite")[0] == 0
    assert not nibabel.load(tmp_path / "out_lesion.nii.gz").get_fdata().round().any()


def test_probabilities_of_a_tilted_ct_are_refused_before_the_work(run, tmp_path):
    tilted = AFFINE.copy()
    tilted[1, 2] = 1
    source = save(tmp_path / "ct.nii.gz", np.full((30, 30, 8), -1000, np.int16), tilted)
    code, _, complained = run("segment", source, "-o", tmp_path / "out.nrrd", "--probabilities", tmp_path)
    assert (code, complained.count("\n")) == (3, 1)
    assert "gantry tilt" in complained
    assert [p.name for p in tmp_path.iterdir()] == ["ct.nii.gz"]


def lesions_table(marks, count=3):
    labels = np.zeros((5, 61, 61), np.uint8)
    labels[2].ravel()[: 2 * count : 2] = 2
    return lesions.measure_lesions(labels, Volume(labels.astype(np.int16), np.diag([-10.0, -10, 10, 1])), marks)


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        (("background", "liver", "lesion"), "Liver 3 ml, 3 lesions, 3.0 ml, burden 100.0 %. Segmented in 1.0 s on cpu"),
        (("background", "lesion"), "3 lesions, 3.0 ml. Segmented in 1.0 s on cpu"),
    ],
)
def test_what_is_printed_names_the_liver_where_it_is_known(capsys, segmentation, marks, said):
    segment._print(SegmentationResult(segmentation, lesions_table(marks), files=(Path("out.nrrd"),)))
    assert capsys.readouterr().out.startswith(said)


def test_too_many_lesions_are_warned_about(capsys, segmentation):
    segment._print(SegmentationResult(segmentation, lesions_table(("liver", "lesion"), 101), files=(Path("out.nrrd"),)))
    assert "warning: 101 lesions are more than the reading of any patient can use" in capsys.readouterr().err


def test_a_model_of_lesions_alone_says_nothing_of_the_liver(run, air, tmp_path):
    spec = NetworkSpec(name="unet", in_channels=1, classes=1, options={"features": [4, 4, 4, 4, 4, 4]})
    description = describe(network=spec, labels=("background", "lesion"))
    kept = {name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")}
    model.save(tmp_path / "alone", networks.create("unet", 1, 1, **spec.options), lambda d: d.title, **kept)
    chosen = "--model", tmp_path / "alone", "--json"
    _, said, _ = run("segment", air, "-o", tmp_path / "out.nrrd", *chosen, "--liver-model", "none")
    assert json.loads(said)["liver_ml"] is json.loads(said)["burden_percent"] is None
    _, said, _ = run("segment", air, "-o", tmp_path / "with.nrrd", *chosen)
    assert [each["name"] for each in json.loads(said)["models"]] == [store.DEFAULT, description.name]


def test_the_measures_can_be_printed_as_json(run, air, tmp_path):
    code, said, _ = run("segment", air, "-o", tmp_path / "out.nii.gz", "--json")
    facts = json.loads(said)
    assert code == 0
    assert facts["lesion_count"] == 0
    assert facts["warnings"][-1] == "No liver was found."
    assert facts["model"] == store.DEFAULT
    assert {"liver_ml", "burden_percent", "lesions", "device", "seconds", "output"} <= facts.keys()


def test_no_liver_is_no_error(run, air, tmp_path):
    code, _, warned = run("segment", air, "-o", tmp_path / "out.nrrd")
    assert code == 0
    assert "warning: No liver was found." in warned
    assert (tmp_path / "out.nrrd").exists()


def noise(shape, low=-900, high=900):
    return np.random.default_rng(0).integers(low, high, shape).astype(np.int16)


def missing(path):
    return path / "gone.nii.gz"


def empty(path):
    (path / "ct.nii.gz").touch()
    return path / "ct.nii.gz"


def truncated(path):
    file = save(path / "ct.nii.gz", noise((20, 20, 9)))
    file.write_bytes(file.read_bytes()[:3000])
    return file


def text(path):
    (path / "ct.nii").write_text("a letter to the radiologist")
    return path / "ct.nii"


def flat(path):
    return save(path / "ct.nii.gz", noise((20, 20)))


def four(path):
    return save(path / "ct.nii.gz", noise((9, 9, 9, 3)))


def colour(path):
    return save(path / "ct.nii.gz", np.zeros((5, 5, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")]))


def magnetic(path):
    return save(path / "ct.nii.gz", noise((20, 20, 9), 0, 1200))


def not_a_number(path):
    return save(path / "ct.nii.gz", np.full((5, 5, 5), np.nan, np.float32))


def infinite(path):
    return save(path / "ct.nii.gz", np.full((5, 5, 5), np.inf, np.float32))


def no_spacing(path, millimetres=0):
    content = bytearray(nibabel.Nifti1Image(noise((5, 5, 5)), np.eye(4)).to_bytes())
    content[80:84] = np.float32(millimetres).tobytes()  # pixdim[1]
    (path / "ct.nii").write_bytes(content)
    return path / "ct.nii"


def negative_spacing(path):
    return no_spacing(path, -1)


def no_dicom(path):
    (path / "folder").mkdir()
    return path / "folder"


BAD_INPUTS = [
    missing, empty, truncated, text, flat, four, colour, magnetic, not_a_number, infinite, no_spacing,
    negative_spacing, no_dicom,
]  # fmt: skip


@pytest.mark.parametrize("make", BAD_INPUTS, ids=lambda make: make.__name__)
def test_bad_input_is_one_sentence_and_exit_code_3(run, tmp_path, make):
    source = make(tmp_path)
    code, said, complained = run("segment", source, "-o", tmp_path / "out.nii.gz")
    assert code == 3
    assert not said
    assert complained.startswith("error: ")
    assert complained.count("\n") == 1
    assert str(source) in complained
    assert not (tmp_path / "out.nii.gz").exists()


def test_what_does_not_look_like_a_ct_can_be_forced_and_is_warned_about(run, tmp_path):
    code, _, warned = run("segment", magnetic(tmp_path), "-o", tmp_path / "out.nii.gz", "--force")
    assert code == 0
    assert "warning: This does not look like a CT in Hounsfield units" in warned


def test_an_existing_output_is_kept_unless_told(run, air, tmp_path):
    out = tmp_path / "out.nii.gz"
    out.write_text("mine")
    code, _, complained = run("segment", air, "-o", out)
    assert (code, out.read_text()) == (3, "mine")
    assert "--overwrite" in complained
    assert run("segment", air, "-o", out, "--overwrite")[0] == 0
    assert out.read_bytes() != b"mine"


def test_an_existing_report_is_kept_and_found_before_the_work(run, air, tmp_path):
    (tmp_path / "lesions.csv").write_text("mine")
    code, _, complained = run("segment", air, "-o", tmp_path / "out.nii.gz", "--report", tmp_path)
    assert code == 3
    assert "lesions.csv exists already" in complained
    assert not (tmp_path / "out.nii.gz").exists()


def test_an_output_that_cannot_be_written_is_an_error(run, air, tmp_path):
    (tmp_path / "file").touch()
    code, _, complained = run("segment", air, "-o", tmp_path / "file" / "out.nii.gz")
    assert code == 3
    assert "cannot be written" in complained


@pytest.mark.parametrize(
    "words", [("--model", "none"), ("--device", "tpu"), ("--device", "cuda:99"), ("--series", "1.2")]
)
def test_a_wrong_choice_is_one_sentence(run, air, tmp_path, words):
    source = no_dicom(tmp_path) if words[0] == "--series" else air
    code, _, complained = run("segment", source, "-o", tmp_path / "out.nii.gz", *words)
    assert code == 3
    assert complained.count("\n") == 1


def test_clean_up_can_be_switched(run, ct_file, tmp_path, model_folder):
    def liver_ml(*words):
        common = ("--model", model_folder, "--full", "--json", "--overwrite")
        return json.loads(run("segment", ct_file, "-o", tmp_path / "out.nii.gz", *common, *words)[1])["liver_ml"]

    kept = liver_ml()
    assert kept > 0
    assert liver_ml("--smallest-liver", kept / 2) == kept
    assert liver_ml("--smallest-liver", kept * 2) == 0


def test_the_ct_itself_is_never_replaced(run, air, tmp_path):
    before = air.read_bytes()
    (tmp_path / "same.nii.gz").symlink_to(air)
    for name in ("air.nii.gz", "same.nii.gz"):
        code, _, complained = run("segment", air, "-o", tmp_path / name, "--overwrite")
        assert code == 3
        assert "is the CT itself" in complained
    assert air.read_bytes() == before


def test_probabilities_never_replace_the_ct(run, tmp_path):
    source = save(tmp_path / "out_liver.nii.gz", np.full((30, 30, 8), -1000, np.int16))
    before = source.read_bytes()
    words = ("-o", tmp_path / "out.nii.gz", "--probabilities", tmp_path, "--overwrite")
    code, _, complained = run("segment", source, *words)
    assert code == 3
    assert "is the CT itself" in complained
    assert source.read_bytes() == before


@pytest.mark.parametrize("name", ["x" * 300 + ".nii.gz", "no/such/folder.nii.gz", "."])
def test_impossible_names_are_one_sentence(run, air, tmp_path, name):
    code, _, complained = run("segment", tmp_path / name, "-o", tmp_path / "out.nii.gz")
    assert (code, complained.count("\n")) == (3, 1)
    if name != "no/such/folder.nii.gz":
        assert run("segment", air, "-o", tmp_path / name)[0] == 3


@pytest.mark.parametrize(
    "words",
    [("p.nrrd",), ("p.nii", "--shape", 0, 5, 5), ("p.nii", "--spacing", 1, 0, 1), ("p.nii", "--spacing", "nan", 1, 1)],
)
def test_a_phantom_that_cannot_be_is_one_sentence(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, _, complained = run("phantom", *words)
    assert (code, complained.count("\n")) == (3, 1)
    assert not list(tmp_path.iterdir())


def test_a_broken_model_does_not_hide_the_others(run, model_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path))
    (model_folder / "model.json").write_text("{")
    code, listed, _ = run("models", "list")
    assert code == 0
    assert store.DEFAULT in listed
    assert "not valid" in listed


@pytest.mark.parametrize("words", [("none",), ("unet-lits", "--set", "seed"), ("unet-lits", "--set", "crop.x=1")])
def test_a_recipe_that_cannot_be_is_one_sentence(run, tmp_path, words):
    code, _, complained = run("train", *words, "--data", tmp_path, "-o", tmp_path / "model")
    assert (code, complained.count("\n")) == (3, 1)


def test_a_folder_that_training_would_not_replace_is_known_before_it_starts(run, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").touch()
    code, _, complained = run("train", "unet-lits", "--data", tmp_path, "-o", tmp_path / "model", "--overwrite")
    assert code == 3
    assert "holds notes.txt, which would be lost" in complained


def test_models_can_be_listed_shown_and_imported(run, model_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    assert store.DEFAULT in run("models", "list")[1]
    assert "Imported “tiny”" in run("models", "import", model_folder)[1]
    assert "tiny" in run("models", "list")[1]
    assert "A tiny model" in run("models", "info", "tiny")[1]
    assert run("models", "import", model_folder)[0] == 3
    assert run("models", "info", "none")[0] == 3
    assert "Removed “tiny”" in run("models", "remove", "tiny")[1]
    assert "tiny" not in run("models", "list")[1]
    assert run("models", "remove", "unet-lits")[0] == 3
    assert run("models", "download", "ftp://nowhere", "--sha256", "0" * 64)[0] == 3


def test_the_list_of_models_says_what_each_is_for(run, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    shipped = next(line for line in run("models", "list")[1].splitlines() if "unet-lits" in line)
    assert "lesions add" not in shipped
    save_click_model(tmp_path / "models" / "mine")
    row = next(line for line in run("models", "list")[1].splitlines() if "mine" in line)
    assert "lesions" in row
    assert "segment " not in row


def test_a_phantom_can_be_written(run, tmp_path):
    words = ("--shape", 6, 40, 44, "--spacing", 20, 9, 8, "--lesions", 1)
    assert run("phantom", tmp_path / "p.nii.gz", *words)[0] == 0
    assert volumes.read_volume(tmp_path / "p.nii.gz").voxels.shape == (6, 40, 44)
    assert volumes.read_volume(tmp_path / "p-labels.nii.gz", force=True).voxels.max() == 2


def test_the_version_is_printed(run):
    assert run("--version")[1].strip() == cli.__version__


def test_interrupting_ends_soon_and_writes_nothing(run, tmp_path):
    source = save(tmp_path / "large.nii.gz", np.full((300, 300, 90), -1000, np.int16))
    usual = signal.getsignal(signal.SIGINT)

    def interrupt():
        while signal.getsignal(signal.SIGINT) is usual:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    code, _, complained = run(
        "segment", source, "-o", tmp_path / "out.nii.gz", "--full", "--report", tmp_path / "report"
    )
    assert (code, complained) == (cli.CANCELLED, "Cancelled; nothing was written.\n")
    assert [p.name for p in tmp_path.iterdir()] == ["large.nii.gz"]
    assert signal.getsignal(signal.SIGINT) is usual


def test_the_command_ends_with_the_code_and_without_a_traceback(tmp_path):
    command = [
        sys.executable,
        "-m",
        "LiverTumorSegLib.apps.cli",
        "segment",
        "gone.nii",
        "-o",
        str(tmp_path / "out.nii.gz"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == cli.USER_ERROR
    assert ended.stderr == "error: gone.nii does not exist: check the name.\n"


def test_too_little_memory_is_said_in_a_sentence(run, air, tmp_path, model_folder, monkeypatch):
    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(volumes, "read_volume", no_memory)
    code, _, complaint = run("segment", air, "-o", tmp_path / "out.nii", "-m", model_folder)
    assert code == 3
    assert "There is not enough memory" in complaint


def test_a_working_folder_that_was_deleted_is_said(tmp_path):
    gone = tmp_path / "gone"
    script = f"mkdir {gone} && cd {gone} && rmdir {gone} && {sys.executable} -m LiverTumorSegLib.apps.cli models list"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert ended.returncode == 3
    assert ended.stderr == "error: The working folder was deleted: change to another one.\n"
