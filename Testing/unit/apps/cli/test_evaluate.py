import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.evaluation_cases import affine_of, save, save_pair, small_pair

from LiverTumorSegLib.apps import cli

QUICK = ("--bootstrap", 100, "--processes", 1)


@pytest.fixture
def folders(tmp_path):
    for number in (3, 20):
        pair = small_pair()
        save(tmp_path / "predictions" / f"volume-{number}.nii", pair.prediction)
        save(tmp_path / "references" / f"segmentation-{number}.nii", pair.reference)
    return tmp_path / "predictions", tmp_path / "references"


def test_json_has_the_promised_keys(run, folders):
    code, said, complained = run("evaluate", *folders, "--json", *QUICK)
    assert (code, complained) == (0, "")
    content = json.loads(said)
    assert list(content["cases"]) == ["volume-3", "volume-20"]
    keys = (
        "dice_per_case dice_global iou voe rvd assd_mm rmsd_mm hd_mm hd95_mm sensitivity specificity precision accuracy"
    )
    for structure in ("liver", "lesion"):
        assert not set(keys.split()) - content["summary"][structure].keys()
        assert all(isinstance(content["summary"][structure][key], float) for key in keys.split())
    detection = content["summary"]["lesion"]["detection"]
    assert (detection["recall"], detection["precision"]) == (0.5, 0.5)
    assert content["summary"]["burden"]["rmse"] >= 0


def test_a_table_is_printed_and_a_report_written(run, folders, tmp_path):
    code, said, complained = run("evaluate", *folders, "-o", tmp_path / "report", *QUICK)
    assert (code, complained) == (0, "")
    assert "2 of 4 lesions were found (IoU above 0.5), 2 predicted ones false: precision 0.500" in said
    assert said.splitlines()[-1].startswith(f"Wrote {tmp_path / 'report' / 'report.html'}, ")
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert content["command"].startswith("livertumorseg evaluate ")


def test_two_files_are_a_case(run, folders):
    predictions, references = folders
    code, said, _ = run("evaluate", predictions / "volume-3.nii", references / "segmentation-3.nii", "--json", *QUICK)
    assert (code, list(json.loads(said)["cases"])) == (0, ["volume-3"])


def test_choices_change_what_is_measured(run, folders):
    def measured(*words):
        return json.loads(run("evaluate", *folders, "--json", *QUICK, *words)[1])["summary"]

    plain = measured()
    assert measured("--connectivity", 6)["liver_only"]["assd_mm"] != plain["liver_only"]["assd_mm"]
    assert measured("--tolerance", 0)["liver"]["surface_dice"] < plain["liver"]["surface_dice"]
    assert measured("--iou", 0.9)["lesion"]["detection"]["recall"] == 0


def bad(name):
    """Change one of two cases, and say what is expected in the sentence."""
    pair = small_pair()

    def write(folder, labels, **more):
        return save(folder / "predictions" / "volume-3.nii", labels, **more)

    return {
        "missing partner": (lambda f: (f / "predictions" / "volume-3.nii").unlink(), "volume-3"),
        "fewer slices": (lambda f: write(f, pair.prediction[:4]), "volume-3.nii"),
        "another spacing": (lambda f: write(f, pair.prediction, spacing=(2.0, 0.9, 0.9)), "--resample"),
        "another label": (lambda f: write(f, np.where(pair.prediction == 2, 5, pair.prediction)), "5"),
        "a float mask": (lambda f: write(f, pair.prediction * 0.5, dtype=np.float32), "volume-3.nii"),
        "whole floats": (lambda f: write(f, pair.prediction, dtype=np.float32), "--accept-float"),
        "not an image": (lambda f: (f / "predictions" / "volume-3.nii").write_bytes(b"no"), "volume-3.nii"),
    }[name]


BAD = (
    "missing partner",
    "fewer slices",
    "another spacing",
    "another label",
    "a float mask",
    "whole floats",
    "not an image",
)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_pair_is_said_and_the_rest_is_measured(run, folders, tmp_path, what):
    change, word = bad(what)
    change(tmp_path)
    code, said, complained = run("evaluate", *folders, "-o", tmp_path / "report", "--json", *QUICK)
    assert code == cli.USER_ERROR
    assert complained.count("error:") == 1
    assert complained.startswith("error: volume-3: ")
    assert word in complained
    content = json.loads(said)
    assert (list(content["cases"]), list(content["failed"])) == (["volume-20"], ["volume-3"])
    assert (tmp_path / "report" / "report.html").exists()


@pytest.mark.parametrize("what", BAD)
def test_a_bad_pair_alone_is_one_sentence_and_no_report(run, folders, tmp_path, what):
    (tmp_path / "predictions" / "volume-20.nii").unlink()
    (tmp_path / "references" / "segmentation-20.nii").unlink()
    change, word = bad(what)
    change(tmp_path)
    code, said, complained = run("evaluate", *folders, "-o", tmp_path / "report", "--json", *QUICK)
    assert (code, said) == (cli.USER_ERROR, "")
    assert complained.count("error:") == complained.count("\n") == 1
    assert word in complained or what == "missing partner"
    assert {path.name for path in tmp_path.iterdir()} == {"predictions", "references"}


def test_where_nothing_can_be_measured_every_case_has_its_sentence(run, folders, tmp_path):
    for number in (3, 20):
        save(tmp_path / "predictions" / f"volume-{number}.nii", small_pair().prediction, dtype=np.float32)
    code, said, complained = run("evaluate", *folders, "-o", tmp_path / "report", *QUICK)
    assert (code, said) == (cli.USER_ERROR, "")
    assert [line.split(": ")[1] for line in complained.splitlines()] == ["volume-3", "volume-20"]
    assert not (tmp_path / "report").exists()


def test_other_values_are_labels_when_told(run, folders, tmp_path):
    changed = np.array([0, 5, 7])[small_pair().prediction]
    save(tmp_path / "predictions" / "volume-3.nii", changed)
    save(tmp_path / "predictions" / "volume-20.nii", changed)
    assert "--prediction-values" in run("evaluate", *folders, *QUICK)[2]
    words = ("--prediction-values", "liver=5,lesion=7", "--json")
    code, said, _ = run("evaluate", *folders, *words, *QUICK)
    assert (code, json.loads(said)["summary"]["lesion"]["detection"]["recall"]) == (0, 0.5)
    assert run("evaluate", *folders, "--prediction-values", "five", *QUICK)[0] == cli.USER_ERROR


def test_an_empty_folder_is_one_sentence(run, folders, tmp_path):
    (tmp_path / "nothing").mkdir()
    for words in (
        (tmp_path / "nothing", folders[1]),
        (folders[0], tmp_path / "nothing"),
        (tmp_path / "no", folders[1]),
    ):
        code, said, complained = run("evaluate", *words, "-o", tmp_path / "report")
        assert (code, said, complained.count("\n")) == (cli.USER_ERROR, "", 1)
        assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--empties", "perhaps"), "No rule for empty masks is called perhaps: choose lits, worst, leave-out."),
        (("--connectivity", "8"), "A connectivity of 8 is not known"),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence(run, folders, words, said):
    code, _, complained = run("evaluate", *folders, *words)
    assert (code, complained.count("\n")) == (cli.USER_ERROR, 1)
    assert said in complained


def test_another_grid_is_resampled_when_told(run, folders, tmp_path):
    pair = small_pair()
    affine = affine_of()
    affine[:3, 1] /= 2  # twice as many rows
    affine[1, 3] += 0.9 / 4
    fine = np.repeat(pair.prediction, 2, axis=1)
    save(tmp_path / "predictions" / "volume-3.nii", fine, affine=affine)
    code, said, warned = run("evaluate", *folders, "--resample", "--json", *QUICK)
    cases = json.loads(said)["cases"]
    assert (code, cases["volume-3"]["liver"]) == (0, cases["volume-20"]["liver"])
    assert warned.startswith("warning: volume-3: ")


def test_the_rule_for_empty_masks_can_be_chosen(run, folders, tmp_path):
    save(tmp_path / "predictions" / "volume-3.nii", np.zeros_like(small_pair().prediction))
    found = {}
    for rule in ("lits", "worst", "leave-out"):
        _, said, _ = run("evaluate", *folders, "--json", *QUICK, "--empties", rule)
        found[rule] = json.loads(said)["summary"]["liver"]
    assert found["lits"]["statistics"]["assd_mm"]["left_out"] == ["volume-3"]
    assert found["worst"]["assd_mm"] > 5 * found["lits"]["assd_mm"]
    assert found["leave-out"]["dice_per_case"] == found["lits"]["dice_per_case"]


def test_a_csv_pairs_files_and_names_the_patient(run, folders, tmp_path):
    rows = "prediction,reference,case,patient\nvolume-3.nii,segmentation-3.nii,early,Anna\n"
    (tmp_path / "list.csv").write_text(rows + "volume-20.nii,segmentation-20.nii,late,Anna\n")
    code, said, _ = run("evaluate", *folders, "--csv", tmp_path / "list.csv", "--json", *QUICK)
    content = json.loads(said)
    assert (code, list(content["cases"]), content["cases"]["late"]["patient"]) == (0, ["early", "late"], "Anna")
    assert content["cases"]["late"]["files"] == {"prediction": "volume-20.nii", "reference": "segmentation-20.nii"}
    assert content["summary"]["liver"]["statistics"]["dice"]["patients"] == 1


def test_probabilities_are_measured_where_they_are(run, folders, tmp_path):
    likely = np.where(small_pair().reference == 2, 0.9, 0.1)
    save(tmp_path / "likely" / "volume-3_lesion.nii.gz", likely, dtype=np.float32)
    code, said, _ = run("evaluate", *folders, "--probabilities", tmp_path / "likely", "--json", *QUICK)
    curve = json.loads(said)["summary"]["probabilities"]["lesion"]
    assert (code, curve["auc"], curve["counted"], curve["left_out"]) == (0, 1, 1, ["volume-20"])


def test_whole_floats_are_taken_when_told(run, folders, tmp_path):
    save(tmp_path / "predictions" / "volume-3.nii", small_pair().prediction, dtype=np.float32)
    code, said, _ = run("evaluate", *folders, "--accept-float", "--json", *QUICK)
    cases = json.loads(said)["cases"]
    assert (code, cases["volume-3"]["lesion"]) == (0, cases["volume-20"]["lesion"])


def test_a_ct_that_does_not_fit_is_said_and_the_case_is_drawn_without(run, folders, tmp_path):
    save(tmp_path / "images" / "volume-3.nii", np.zeros((4, 20, 20)), dtype=np.int16)
    code, _, warned = run("evaluate", *folders, "-o", tmp_path / "report", "--images", tmp_path / "images", *QUICK)
    assert code == 0
    assert "warning: volume-3: It is not shown on its CT: " in warned
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "volume-3, axial slice" in page
    assert "It is not shown on its CT" in page


def test_a_report_is_not_replaced_unasked(run, folders, tmp_path):
    assert run("evaluate", *folders, "-o", tmp_path / "report", *QUICK)[0] == 0
    before = (tmp_path / "report" / "report.json").read_bytes()
    code, _, complained = run("evaluate", *folders, "-o", tmp_path / "report", "--seed", 2, *QUICK)
    assert (code, (tmp_path / "report" / "report.json").read_bytes()) == (cli.USER_ERROR, before)
    assert "exists already" in complained
    assert run("evaluate", *folders, "-o", tmp_path / "report", "--overwrite", "--seed", 2, *QUICK)[0] == 0
    assert (tmp_path / "report" / "report.json").read_bytes() != before


def test_the_cts_stand_in_the_pictures(run, folders, tmp_path):
    hounsfield = np.random.default_rng(0).normal(40, 40, small_pair().reference.shape)
    for number in (3, 20):
        save(tmp_path / "images" / f"volume-{number}.nii", hounsfield, dtype=np.int16)
    run("evaluate", *folders, "-o", tmp_path / "without", *QUICK)
    code, *_ = run("evaluate", *folders, "-o", tmp_path / "with", "--images", tmp_path / "images", *QUICK)
    assert code == 0
    sizes = [(tmp_path / name / "report.html").stat().st_size for name in ("without", "with")]
    assert sizes[1] > sizes[0] + 20_000, "noise takes more bytes than a plain background"


def test_models_are_compared_by_patient(run, folders, tmp_path):
    run("evaluate", *folders, "-o", tmp_path / "a", *QUICK)
    shutil.copytree(folders[1], tmp_path / "perfect")
    run("evaluate", tmp_path / "perfect", folders[1], "-o", tmp_path / "b", *QUICK)
    code, said, _ = run("compare-evaluations", tmp_path / "a", tmp_path / "b", "--json", "--bootstrap", 100)
    assert code == 0
    lesion = json.loads(said)["measures"]["lesion"]["dice"]
    assert (lesion["mean_b"], lesion["counted"]) == (1, 2)
    assert lesion["difference"] == pytest.approx(1 - lesion["mean_a"])
    code, said, _ = run("compare-evaluations", tmp_path / "a", tmp_path / "b" / "report.json", "--bootstrap", 100)
    assert code == 0
    assert said.startswith(f"A: {tmp_path / 'a'}. B: {tmp_path / 'b' / 'report.json'}.")
    assert "In no measure do 6 patients differ or more, which a test needs." in said
    code, _, complained = run("compare-evaluations", tmp_path / "a", folders[0])
    assert (code, complained.count("\n")) == (cli.USER_ERROR, 1)


def test_ctrl_c_ends_it_without_a_report(tmp_path):
    for number in range(12):
        save_pair(tmp_path, f"case{number}", small_pair())
    words = ["evaluate", tmp_path / "predictions", tmp_path / "references", "-o", tmp_path / "report"]
    code = (
        "import os, signal, threading, sys\n"
        "from LiverTumorSegLib.apps import cli\n"
        "from LiverTumorSegLib.core import process_pool\n"
        "before = process_pool.Job.at\n"
        "def at(job, fraction, sentence):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    before(job, fraction, sentence)\n"
        "process_pool.Job.at = at\n"
        "cli.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, env=os.environ, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (cli.CANCELLED, "Cancelled; nothing was written.\n")
    assert not (tmp_path / "report").exists()


def test_errors_of_lesions_are_sorted_with_contrast_where_there_is_a_ct(run, folders, tmp_path):
    pair = small_pair()
    hounsfield = np.where(pair.reference == 2, 40, np.where(pair.reference == 1, 100, -1000))
    save(tmp_path / "images" / "volume-3.nii", hounsfield, dtype=np.int16)
    (tmp_path / "images" / "volume-20.nii").write_bytes(b"no CT")
    words = ("--images", tmp_path / "images", "--errors", "-o", tmp_path / "report", *QUICK)
    code, said, complained = run("evaluate", *folders, *words)
    assert code == 0
    assert "Wrong voxels of lesions: missed 0.0 ml, too small 0.0 ml, false 0.0 ml, too large 0.0 ml;" in said
    assert "volume-20: The contrast of its lesions is not measured:" in " ".join(complained.split())
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert content["summary"]["lesion"]["errors"]["counted"] == 2
    assert content["summary"]["lesion"]["errors"]["by_contrast"]["over_40_hu_darker"]["lesions"] == 2
    assert content["cases"]["volume-3"]["errors"]["lesions"][0]["contrast_hu"] == -60
    assert content["cases"]["volume-20"]["errors"]["lesions"][0]["contrast"] is None
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Where lesion Dice is lost" in page
    assert "over 40 HU darker" in page


def test_errors_are_sorted_only_where_they_are_asked_for(run, folders):
    content = json.loads(run("evaluate", *folders, "--json", *QUICK)[1])
    assert content["summary"]["lesion"]["errors"] is None
    assert {case["errors"] for case in content["cases"].values()} == {None}


def test_probabilities_of_lesions_give_their_froc(run, folders, tmp_path):
    for number in (3, 20):
        marked = (small_pair().prediction == 2) * 0.9
        save(tmp_path / "maps" / f"volume-{number}_lesion.nii", marked, dtype=np.float32)
    words = ("--probabilities", tmp_path / "maps", "-o", tmp_path / "report", *QUICK)
    assert run("evaluate", *folders, *words)[::2] == (0, "")
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    froc = content["summary"]["lesion"]["froc"]
    assert (froc["patients"], froc["curves"]["all"]["recall_at"]["1"]) == (2, 0.5)
    assert "Found against false, by score" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
