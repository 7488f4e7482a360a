"""Several models on the command line: files, measures and refusals, from CT files and model folders on."""

import csv
import json

import numpy as np
import pytest
from support.cohort_cases import save
from support.model_sets import (
    LESION,
    LIVER,
    OUTER_LESION,
    TOUCHING_LESION,
    VESSEL,
    marked,
    scene,
    segments_model,
    vessel_model,
)
from support.nnunet_models import write_banded_model

from LiverTumorSegLib.io import volumes


@pytest.fixture
def folder(tmp_path):
    """A CT with the models that find each its part of it."""
    models = tmp_path / "models"
    write_banded_model(models / "lesions", ["background", "lesion", ""], [-30, 40], name="lesions")
    write_banded_model(models / "livers", ["background", "liver", ""], [40, 80], name="livers")
    vessel_model(models)
    segments_model(models)
    save(tmp_path / "cts" / "ct.nii.gz", scene())
    return tmp_path


def words(folder, *, also=("vessels", "couinaud"), liver="livers", model="lesions"):
    models = folder / "models"
    given = ["-m", models / model, "--device", "cpu"] + (["--liver-model", models / liver] if liver else [])
    return given + [word for each in also for word in ("--also", models / each)]


def test_labels_measures_and_segments_of_several_models_are_written(run, folder):
    out, report = folder / "out.seg.nrrd", folder / "report"
    code, said, complained = run("segment", folder / "cts" / "ct.nii.gz", "-o", out, *words(folder), "--report", report)
    assert (code, "error" in complained) == (0, False)
    assert "Other structures: liver vessels" in said
    labels = volumes.read_stored(out).values
    assert np.array_equal(labels == 2, marked(LESION, TOUCHING_LESION))
    assert (labels[LIVER] > 0).all()
    assert not labels[OUTER_LESION].any()
    facts = json.loads((report / "lesions.json").read_text())
    assert facts["liver_ml"] > facts["lesion_ml"] > 0
    assert {each["name"]: each["marks"] for each in facts["models"]} == {
        "lesions": "lesions", "livers": "liver", "vessels": "other structures", "couinaud": "other structures",
    }  # fmt: skip
    assert {each["name"] for each in facts["structures"]} == {"liver_vessels", "liver_segment_2", "liver_segment_6"}
    rows = list(csv.DictReader((report / "lesions.csv").open(newline="")))
    assert [row["liver_segments"] for row in rows] == ["II", "II"]
    assert all(float(row["surface_distance_mm"]) >= 0 for row in rows)


def test_a_file_of_one_label_a_voxel_has_lesions_over_vessels_over_segments_over_the_liver(run, folder):
    out = folder / "out.nii.gz"
    assert run("segment", folder / "cts" / "ct.nii.gz", "-o", out, *words(folder))[0] == 0
    values = volumes.read_stored(out).values
    assert (values[LESION] == 2).all()
    assert (values[VESSEL] == 3).all()
    assert set(np.unique(values[LIVER])) == {2, 3, 16}


def test_a_cohort_is_segmented_with_all_models_and_begun_anew_for_others(run, folder):
    given = "segment-cohort", folder / "cts", "-o", folder / "out"
    code, said, _ = run(*given, *words(folder, also=["vessels"]))
    assert (code, "1 segmented" in said) == (0, True)
    code, said, _ = run(*given, *words(folder, also=["vessels"]))
    assert (code, "1 done before" in said) == (0, True)
    code, _, complained = run(*given, *words(folder, also=[]))
    assert (code, "made with --also vessels and not no --also" in complained) == (3, True)
    record = json.loads((folder / "out" / ".cohort" / "ct.json").read_text())
    assert len(record["how"]["liver_model"]["weights_sha256"]) == 64
    assert record["how"]["also"][0]["model"]["name"] == "vessels"


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"model": "vessels", "liver": None, "also": ()}, "finds neither liver nor lesions"),
        ({"liver": "vessels", "also": ()}, "“vessels” finds no liver"),
        ({"also": ["livers"]}, "“livers” finds nothing but liver and lesions"),
        ({"also": ["nowhere"]}, "There is no model"),
    ],
)
def test_models_in_the_wrong_place_are_refused_in_a_sentence_and_nothing_is_written(run, folder, chosen, sentence):
    code, _, complained = run(
        "segment", folder / "cts" / "ct.nii.gz", "-o", folder / "out.nii.gz", *words(folder, **chosen)
    )
    assert (code, sentence in complained, "Traceback" in complained) == (3, True, False)
    assert not (folder / "out.nii.gz").exists()


def test_exact_is_nnunets_own_arithmetic(run, folder):
    ct, given = folder / "cts" / "ct.nii.gz", words(folder, also=())
    for way, precision in (((), "bfloat16"), (("--exact",), "float32")):
        code, said, _ = run(
            "segment", ct, "-o", folder / f"{precision}.seg.nrrd", *given, "--precision", "bfloat16", *way
        )
        assert (code, f"on cpu, {precision}" in said) == (0, True)
    labels = [volumes.read_stored(folder / f"{name}.seg.nrrd").values for name in ("bfloat16", "float32")]
    assert np.array_equal(*labels)


def test_each_structure_gets_a_mask_of_its_own(run, folder):
    given = folder / "cts" / "ct.nii.gz", "-o", folder / "out.seg.nrrd", "--separate", folder / "masks", *words(folder)
    code, said, _ = run("segment", *given)
    assert code == 0
    names = ["lesion", "liver", "liver_segment_2", "liver_segment_6", "liver_vessels"]
    files = sorted((folder / "masks").iterdir())
    assert [file.name for file in files] == [f"{name}.nii.gz" for name in names]
    assert all(str(file) in said.splitlines()[-1] for file in files)
    masks = {name: volumes.read_stored(file).values for name, file in zip(names, files, strict=True)}
    assert {value for mask in masks.values() for value in np.unique(mask)} == {0, 1}
    assert np.array_equal(masks["lesion"], marked(LESION, TOUCHING_LESION))
    assert np.array_equal(masks["liver"], volumes.read_stored(folder / "out.seg.nrrd").values > 0)
    assert masks["liver_vessels"].any()
    given = given[0], "-o", folder / "other.nrrd", *given[3:]
    assert "masks exists already" in run("segment", *given)[2]
    code, _, _ = run("segment", *given[:5], *words(folder, also=("vessels",)), "--overwrite")
    assert (code, len(list((folder / "masks").iterdir()))) == (0, 3)
    (folder / "masks" / "mine.txt").touch()
    assert "holds mine.txt, which would be lost" in run("segment", *given, "--overwrite")[2]


def test_the_masks_never_go_where_the_ct_is(run, folder):
    ct = (folder / "cts" / "ct.nii.gz").rename(folder / "cts" / "liver.nii.gz")
    words_ = "segment", ct, "-o", folder / "o.nrrd", "--separate", folder / "cts", "--overwrite", *words(folder)
    assert "is the folder of the CT: choose another one for the masks." in run(*words_)[2]
