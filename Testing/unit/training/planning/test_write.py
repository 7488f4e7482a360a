import json

import pytest
from support.dataset_cases import write_lits, write_slices
from support.fingerprints import fingerprint_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import layouts

pytest.importorskip("yaml", reason="needs PyYAML: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.planning.plans import plan
from LiverTumorSegLib.training.planning.write import write_plans

THICK = (40, 300, 320), (5.0, 0.8, 0.8)


@pytest.fixture
def layout(tmp_path):
    write_lits(tmp_path / "my livers", 0)
    return layouts.find(tmp_path / "my livers")


def test_plans_fingerprint_and_recipes_are_written(tmp_path, layout):
    found = plan(fingerprint_of(THICK, THICK))
    assert write_plans(found, layout, tmp_path / "out", overwrite=False) == ["2d", "3d_fullres"]
    written = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert sorted(written) == ["2d.yaml", "3d_fullres.yaml", "dataset_fingerprint.json", "nnunet-plans.json"]
    assert json.loads(written["nnunet-plans.json"]) == found.to_json("Dataset001_mylivers")
    assert json.loads(written["dataset_fingerprint.json"]) == found.fingerprint.to_json()


def test_a_name_of_nnu_nets_own_is_kept(tmp_path):
    write_lits(tmp_path / "Dataset007_Liver", 0)
    write_plans(
        plan(fingerprint_of(THICK)), layouts.find(tmp_path / "Dataset007_Liver"), tmp_path / "out", overwrite=False
    )
    assert json.loads((tmp_path / "out" / "nnunet-plans.json").read_text())["dataset_name"] == "Dataset007_Liver"


def test_a_recipe_may_be_asked_for_alone(tmp_path, layout):
    assert write_plans(plan(fingerprint_of(THICK)), layout, tmp_path / "out", ["2d"], overwrite=False) == ["2d"]
    assert not (tmp_path / "out" / "3d_fullres.yaml").exists()


def test_what_is_not_planned_is_refused(tmp_path, layout):
    write_slices(tmp_path / "pictures", "a")
    found, pictures = plan(fingerprint_of(THICK)), layouts.find(tmp_path / "pictures")
    for where, name, said in (
        (layout, "3d_lowres", "nnU-Net plans no 3d_lowres for these CTs: choose 2d or 3d_fullres."),
        (pictures, "3d_fullres", "holds slice pictures, of which no patches of volumes are learned: choose 2d."),
    ):
        with pytest.raises(UserError, match=said):
            write_plans(found, where, tmp_path / "out", [name], overwrite=False)
    assert not (tmp_path / "out").exists()


def test_spacings_that_no_recipe_takes_are_refused(tmp_path, layout):
    found = plan(fingerprint_of(((40, 300, 320), (30.0, 0.8, 0.8))))
    with pytest.raises(UserError, match="The plan's 3d_fullres cannot be trained here: patches, spacing_mm, entry 1"):
        write_plans(found, layout, tmp_path / "out", overwrite=False)
    assert not (tmp_path / "out").exists()


def test_nothing_else_is_overwritten(tmp_path, layout):
    found, out = plan(fingerprint_of(THICK)), tmp_path / "out"
    write_plans(found, layout, out, overwrite=False)
    with pytest.raises(UserError, match="exists already"):
        write_plans(found, layout, out, overwrite=False)
    write_plans(found, layout, out, ["2d"], overwrite=True)
    assert not (out / "3d_fullres.yaml").exists()
    (out / "notes.txt").touch()
    with pytest.raises(UserError, match=r"holds notes\.txt, which would be lost"):
        write_plans(found, layout, out, overwrite=True)
