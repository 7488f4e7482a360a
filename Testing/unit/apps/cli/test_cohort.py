import json

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from support import dicom_slices
from support.cohort_cases import save_cohort, touch

from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.core.progress import Cancelled


@pytest.fixture
def words(tmp_path, model_folder, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    save_cohort(tmp_path / "cts", 2)
    return ("segment-cohort", tmp_path / "cts", "-o", tmp_path / "out", "-m", model_folder, "--device", "cpu")


def test_a_cohort_is_segmented_and_gone_on_with(run, words, tmp_path):
    code, said, complained = run(*words)
    assert code == 0
    assert complained == f"warning: 2 of the cases segmented have warnings: see {tmp_path / 'out' / 'cohort.csv'}.\n"
    written = f"{tmp_path / 'out' / 'cohort.csv'} and, of each case, {tmp_path / 'out' / 'CASE.seg.nrrd'}"
    assert said.startswith(f"2 segmented, 0 done before, 0 failed. Wrote {written}. ")
    assert run(*words)[1].startswith("0 segmented, 2 done before, 0 failed.")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".cohort",
        "cohort.csv",
        "volume-0.seg.nrrd",
        "volume-1.seg.nrrd",
    ]


def test_options_reach_the_segmentation_and_the_files(run, words, tmp_path):
    more = ("--format", "nii.gz", "--report", tmp_path / "reports", "--probabilities", tmp_path / "maps")
    assert run(*words, *more, "--full", "--smallest-lesion", 2, "--precision", "float32", "--batch", 3)[0] == 0
    assert (tmp_path / "out" / "volume-1.nii.gz").is_file()
    assert len(list((tmp_path / "maps").iterdir())) == 4
    facts = json.loads((tmp_path / "reports" / "volume-1" / "lesions.json").read_text())
    assert facts["device"] == "cpu, float32"
    assert (facts["coarse_pass"], facts["postprocessing"]["smallest_lesion_ml"]) == (False, 2)


def test_dicom_objects_are_written_of_dicom_series_a_folder_a_case(run, words, tmp_path):
    dicom_slices.write(dicom_slices.plain(), tmp_path / "cts" / "series")
    objects = tmp_path / "objects"
    code, said, complained = run(*words, "--dicom", objects, "--force")
    assert (code, said.startswith("1 segmented, 0 done before, 2 failed.")) == (3, True)
    assert complained.count("DICOM objects can be made of DICOM images alone: give the folder of a DICOM series.") == 2
    assert sorted(path.name for path in objects.rglob("*")) == ["measurements.dcm", "segmentation.dcm", "series"]
    before = (objects / "series" / "segmentation.dcm").read_bytes()
    assert run(*words, "--dicom", objects, "--force")[1].startswith("0 segmented, 1 done before, 2 failed.")
    assert (objects / "series" / "segmentation.dcm").read_bytes() == before
    (objects / "series" / "measurements.dcm").unlink()
    assert run(*words, "--dicom", objects, "--force")[1].startswith("1 segmented, 0 done before, 2 failed.")


def test_masks_structure_sets_and_deflated_segmentations_count_in_what_is_done(run, words, tmp_path):
    dicom_slices.write(dicom_slices.plain(), tmp_path / "cts" / "series")
    masks, outlines, objects = (tmp_path / name for name in ("masks", "outlines", "objects"))
    first = (*words, "--force", "--dicom", objects)
    more = (*first, "--deflate", "--separate", masks, "--rtstruct", outlines)
    assert run(*first)[1].startswith("1 segmented, 0 done before")
    code, said, complained = run(*more)
    assert (code, said.startswith("1 segmented, 0 done before, 2 failed.")) == (3, True)
    assert f"{masks / 'CASE' / 'lesion.nii.gz'}, {outlines / 'CASE.dcm'}. Research only" in said
    assert complained.count("DICOM objects can be made of DICOM images alone") == 2
    files = {path.relative_to(tmp_path).as_posix() for folder in (masks, outlines) for path in folder.rglob("*.*")}
    assert files == {"masks/series/lesion.nii.gz", "masks/series/liver.nii.gz", "outlines/series.dcm"}
    segmentation = objects / "series" / "segmentation.dcm"
    assert dcmread(segmentation).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert run(*more)[1].startswith("0 segmented, 1 done before")
    for file in (masks / "series" / "liver.nii.gz", outlines / "series.dcm"):
        file.unlink()
        assert run(*more)[1].startswith("1 segmented, 0 done before")
        assert file.is_file()
    assert run(*first)[1].startswith("1 segmented, 0 done before"), "which are not deflated"
    assert dcmread(segmentation).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--deflate",), "--deflate works with --dicom alone: add --dicom, or leave it out."),
        (("--lesion-segments", "all"), "--lesion-segments works with --dicom alone: add --dicom, or leave it out."),
        (("--dicom", "x", "--lesion-segments", "two"), "There is no --lesion-segments “two”: give each or all."),
        (("--dicom", "x", "--separate", "x"), "x is also given for the reports or DICOM objects: choose another"),
    ],
)
def test_options_that_do_not_go_together_are_refused_first(run, words, tmp_path, more, sentence):
    code, said, complained = run(*words, *more)
    assert (code, said, complained.startswith(f"error: {sentence}")) == (3, "", True)
    assert not (tmp_path / "out").exists()


def test_evaluate_pairs_what_comes_out(run, words, tmp_path):
    run(*words, "--probabilities", tmp_path / "out" / "maps")
    references = tmp_path / "references"
    references.mkdir()
    for number in range(2):
        content = (tmp_path / "out" / f"volume-{number}.seg.nrrd").read_bytes()
        (references / f"segmentation-{number}.seg.nrrd").write_bytes(content)
    maps = ("--probabilities", tmp_path / "out" / "maps")
    code, said, complained = run("evaluate", tmp_path / "out", references, *maps, "--json", "--processes", 1)
    assert code == 0, complained
    assert list(json.loads(said)["cases"]) == ["volume-0", "volume-1"]


def test_failures_and_what_was_left_out_are_listed_at_the_end(run, words, tmp_path):
    touch(tmp_path / "cts", "bad.nii", "segmentation-1.nii")
    code, said, complained = run(*words)
    assert code == 3
    assert said.startswith("2 segmented, 0 done before, 1 failed.")
    first, _, last = complained.splitlines()
    assert first == "warning: Left out as masks by their names or folders: 1, such as segmentation-1.nii."
    assert last == "error: bad: bad.nii is empty: get the file again."


def test_failures_of_a_rank_of_torchrun_end_no_other_rank(run, words, tmp_path, monkeypatch):
    touch(tmp_path / "cts", "bad.nii")  # the smallest, so that it is the last to be dealt
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, value)
    code, said, complained = run(*words)
    assert (code, complained.count("bad.nii is empty")) == (0, 1)
    assert said.startswith("Rank 0 of 2: 1 segmented, 0 done before, 1 failed.")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    assert run(*words)[0] == 3


def test_a_share_can_be_said(run, words):
    code, said, _ = run(*words, "--rank", 1, "--ranks", 2)
    assert code == 0
    assert said.startswith("Rank 1 of 2: 1 segmented")
    assert run(*words, "--rank", 1)[0] == 3


def test_refusals_are_one_sentence_before_any_work(run, words, tmp_path):
    touch(tmp_path / "cts" / "other", "volume-1.nii")
    code, said, complained = run(*words)
    assert (code, said, complained.count("\n")) == (3, "", 1)
    assert "would both be the case volume-1" in complained
    assert not (tmp_path / "out").exists()


def test_ctrl_c_says_that_what_is_done_stays(run, words, monkeypatch):
    def stop(*arguments, **options):
        raise Cancelled

    monkeypatch.setattr(cohort, "segment_cohort", stop)
    code, said, complained = run(*words)
    assert (code, said) == (130, "")
    assert "what is done is kept" in complained


def test_other_cts_with_the_same_names_are_refused_in_one_sentence(run, words, tmp_path):
    run(*words)
    first, second = (tmp_path / "cts" / f"volume-{number}.nii.gz" for number in range(2))
    first.write_bytes(second.read_bytes())
    code, said, complained = run(*words)
    assert (code, said, complained.count("\n")) == (3, "", 1)
    assert "holds volume-0, made from another CT than" in complained
    assert run(*words, "--overwrite")[1].startswith("2 segmented, 0 done before, 0 failed.")
