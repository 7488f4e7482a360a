import json
import os
import signal
import threading
import time

import nibabel
import numpy as np
import pytest
from PIL import Image

from LiverTumorSegLib.apps import cli

WINDOW = [{"step": "window", "level": 60, "width": 200}]


def save(path, voxels, affine):
    nibabel.save(nibabel.Nifti1Image(voxels.transpose(2, 1, 0), affine), path)
    return path


@pytest.fixture
def lits(tmp_path, small_phantom):
    """A folder with a pair 1 and a volume 2 without segmentation."""
    folder = tmp_path / "lits"
    folder.mkdir()
    for name in ("volume-1.nii", "volume-2.nii.gz"):
        save(folder / name, small_phantom.volume.voxels, small_phantom.volume.affine)
    save(folder / "segmentation-1.nii", small_phantom.labels, small_phantom.volume.affine)
    return folder


@pytest.fixture
def window(tmp_path):
    (tmp_path / "window.json").write_text(json.dumps(WINDOW))
    return tmp_path / "window.json"


@pytest.fixture
def hurt(tmp_path, small_phantom):
    """A CT with a lost slice."""
    voxels = small_phantom.volume.voxels.astype(np.float32)
    voxels[20] = np.nan
    return save(tmp_path / "hurt.nii", voxels, small_phantom.volume.affine)


def test_a_folder_is_exported_and_what_was_left_out_is_said(run, lits, tmp_path):
    code, said, warned = run("export-slices", lits, "-o", tmp_path / "dump", "--chain", "kulkarni")
    assert (code, said) == (0, f"Wrote 20 slices of 1 patient to {tmp_path / 'dump'}.\n")
    assert "warning: volume-2 was left out: it has no segmentation." in warned
    with Image.open(tmp_path / "dump" / "images" / "volume-1_slice_38.jpg") as picture:
        assert (picture.mode, picture.size) == ("RGB", (256, 256))


def test_files_are_exported_with_the_labels_given_for_each(run, lits, window, tmp_path):
    cts, mask = (lits / "volume-1.nii", lits / "volume-2.nii.gz"), lits / "segmentation-1.nii"
    words = ("--labels", mask, "--labels", mask, "--chain", window, "--every", 10, "--quality", 50)
    code, said, _ = run("export-slices", "-i", cts[0], "-i", cts[1], "-o", tmp_path / "dump", *words)
    assert (code, said.split(" patients")[0]) == (0, "Wrote 8 slices of 2")
    note = json.loads((tmp_path / "dump" / "export.json").read_text())
    assert (note["every"], note["quality"], note["chain"]) == (10, 50, WINDOW)


def test_damaged_slices_are_exported_as_asked(run, hurt, lits, window, tmp_path):
    words = ("export-slices", hurt, "--labels", lits / "segmentation-1.nii", "-o", tmp_path / "dump", "--chain", window)
    code, _, complained = run(*words)
    assert code == 3
    assert "hurt.nii holds voxels that are NaN or infinite" in complained
    code, said, warned = run(*words, "--damaged", "leave-out")
    assert (code, said.split(" of")[0]) == (0, "Wrote 19 slices")
    assert "Damaged slices were left out, counted from the feet: 21 (NaN or infinite)." in warned


def test_a_chain_that_8_bits_do_not_hold_is_exported_with_a_warning(run, lits, window, tmp_path):
    words = ("export-slices", lits, "--every", 20, "-o")
    code, _, warned = run(*words, tmp_path / "wide", "--chain", "elmenabawy_without")
    assert code == 0
    assert warned.count("The chain spreads more than 512 HU over the 256 greys of a JPG") == 1
    assert "512 HU" not in run(*words, tmp_path / "narrow", "--chain", window)[2]


def test_the_z_score_of_a_data_set_is_printed_ready_for_a_chain(run, lits, small_phantom, tmp_path):
    code, said, warned = run("foreground-statistics", lits)
    assert code == 0
    assert "warning: volume-2 was left out: it has no segmentation." in warned
    liver = small_phantom.volume.voxels[small_phantom.labels > 0]
    step = json.loads(said)
    assert (step["step"], step["over"], *step["mean"]) == ("z_score", "foreground", pytest.approx(liver.mean()))
    assert step["deviation"] == pytest.approx([liver.std()])
    assert (step["low"], step["high"]) == pytest.approx(np.percentile(liver, (0.5, 99.5)))
    (tmp_path / "chain.json").write_text(f"[{said}]")
    drawn = run("preprocess", lits / "volume-1.nii", "--chain", tmp_path / "chain.json", "--save", tmp_path / "a.png")
    assert drawn[0] == 0
    words = ("-i", lits / "volume-1.nii", "--labels", lits / "segmentation-1.nii")
    assert run("foreground-statistics", *words)[:2] == (0, said)


def test_statistics_that_cannot_be_taken_are_one_sentence(run, lits, small_phantom, tmp_path):
    affine = small_phantom.volume.affine
    none = save(tmp_path / "none.nii", small_phantom.labels * np.uint8(0), affine)
    one = np.zeros_like(small_phantom.labels)
    one[20, 50, 50] = 1
    single = save(tmp_path / "single.nii", one, affine)
    for labels, sentence in ((none, "No voxel"), (single, "The labelled voxels all hold")):
        code, said, complained = run("foreground-statistics", lits / "volume-1.nii", "--labels", labels)
        assert (code, said, complained.count("error: ")) == (3, "", 1)
        assert f"error: {sentence}" in complained


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--chain", "none"), "There is no preprocessing chain “none”: choose one of ahmad"),
        (("--chain", "none.json"), "none.json does not exist: give the JSON file"),
        (("--chain", "/"), "/ is a folder: give the JSON file"),
        (("--chain", "dhanush"), "JPG pictures hold [0, 1]"),
        (("--chain", "li", "--damaged", "mend"), "“mend” is not a way to treat damaged slices"),
        (("--chain", "li", "--labels", "a.nii", "--labels", "b.nii"), "1 CTs and 2 segmentations were given"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(run, lits, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    code, said, complained = run("export-slices", lits, "-o", "dump", *words)
    assert (code, said, complained.count("\n")) == (3, "", 1)
    assert sentence in complained
    assert not (tmp_path / "dump").exists()


def test_a_folder_that_is_there_is_known_before_the_work(run, lits, tmp_path):
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "mine").touch()
    for words in ((), ("--overwrite",)):
        code, _, complained = run("export-slices", lits / "gone", "-o", tmp_path / "dump", "--chain", "li", *words)
        assert code == 3
        assert ("exists already" in complained) or ("holds mine" in complained)


def test_interrupting_an_export_leaves_nothing(run, tmp_path, window):
    labels = save(tmp_path / "labels.nii", np.zeros((400, 128, 128), np.uint8), np.eye(4))
    source = save(tmp_path / "ct.nii", np.full((400, 128, 128), -1000, np.int16), np.eye(4))
    usual, before = signal.getsignal(signal.SIGINT), sorted(tmp_path.iterdir())

    def interrupt():
        while signal.getsignal(signal.SIGINT) is usual:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    words = ("--labels", labels, "-o", tmp_path / "dump", "--chain", window)
    code, said, complained = run("export-slices", source, *words)
    assert (code, said, complained) == (cli.CANCELLED, "", "Cancelled; nothing was written.\n")
    assert sorted(tmp_path.iterdir()) == before


def test_a_wrong_chain_is_named_by_its_file(run, lits, tmp_path):
    (tmp_path / "own.json").write_text('["li"]')
    words = ("preprocess", lits / "volume-1.nii", "--chain", tmp_path / "own.json", "--save", tmp_path / "a.png")
    assert "own.json is not valid: step 1 is the text “li”" in run(*words)[2].replace("\n", " ")


def test_a_chain_is_drawn_on_a_slice(run, lits, tmp_path):
    save_as = ("--save", tmp_path / "li.png")
    code, said, _ = run("preprocess", "-i", lits / "volume-1.nii", "--chain", "li", *save_as, "--slice", 12)
    assert (code, said) == (0, f"Wrote {tmp_path / 'li.png'}: slice 12, counted from the feet.\n")
    with Image.open(tmp_path / "li.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 3 * 200
    assert run("preprocess", lits / "volume-1.nii", "--chain", "li", *save_as)[0] == 3
    assert run("preprocess", lits / "volume-1.nii", "--chain", "li", *save_as, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--chain", "none", "--save", "a.png"), "choose one of ahmad"),
        (
            ("--chain", "li", "--save", "a.jpg"),
            "a.jpg cannot be written, since the picture is a PNG file: end its name in .png.",
        ),
        (("--chain", "li", "--save", "a.png", "--slice", 41), "slices 1 to 40"),
        (("--chain", "li", "--save", "no.json/a.png"), "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(run, lits, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.json").touch()
    code, said, complained = run("preprocess", lits / "volume-1.nii", *words)
    assert (code, said, complained.count("\n")) == (3, "", 1)
    assert sentence in complained
    assert not (tmp_path / "a.png").exists()


def test_a_damaged_ct_is_drawn_and_segmented_on_wish(run, hurt, tmp_path, model_folder):
    sentence = "Damaged slices were interpolated, counted from the feet: 21 (NaN or infinite)."
    for words in (
        ("preprocess", hurt, "--chain", "li", "--save", tmp_path / "a.png"),
        ("segment", hurt, "-o", tmp_path / "a.nii", "--model", model_folder, "--device", "cpu"),
    ):
        code, _, complained = run(*words)
        assert code == 3
        assert "--damaged interpolate" in complained
        code, _, warned = run(*words, "--damaged", "interpolate")
        assert code == 0
        assert sentence in warned
        code, _, complained = run(*words, "--damaged", "leave-out", "--overwrite")
        assert code == 3
        assert complained.endswith("choose as-is or interpolate.\n")


def test_samples_of_a_systems_augmentation_stand_after_its_chain(run, lits, tmp_path):
    def size(name, *words):
        code, _, _ = run("preprocess", lits / "volume-1.nii", "--save", tmp_path / name, *words)
        assert code == 0
        with Image.open(tmp_path / name) as picture:
            return picture.size

    bare = size("bare.png", "--chain", "li", "--augmentation", "none")
    own, other = size("own.png", "--chain", "li"), size("other.png", "--chain", "kulkarni", "--augmentation", "torchio")
    assert own[0] * own[1] > 1.5 * bare[0] * bare[1]
    assert other[1] > size("kulkarni.png", "--chain", "kulkarni")[1]
    code, _, complained = run(
        "preprocess", lits / "volume-1.nii", "--save", tmp_path / "x.png", "--chain", "li", "--augmentation", "lee"
    )
    assert code == 3
    assert "There is no set of augmentations called “lee”" in " ".join(complained.split())
    assert not (tmp_path / "x.png").exists()
