import pytest
from support.nnunet_folders import write_nnunet

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models.nnunet.folders import find_trained, is_nnunet

LABELS, EDGES = {"liver": 1, "tumor": 2}, (0, 80)


@pytest.fixture
def trained(tmp_path):
    return write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES, folds=2)


def test_a_model_is_found_in_its_folder_and_from_those_above_it(trained):
    for folder in (trained, trained.parent, trained.parent.parent):
        assert is_nnunet(folder)
        found = find_trained(folder)
        assert found.path == trained
        assert found.dataset == "Dataset900_Bands"
        assert found.configuration == "3d_fullres"


def test_every_fold_is_taken_unless_some_are_named(trained):
    found, name = find_trained(trained), "checkpoint_final.pth"
    assert [path.parent.name for path in found.checkpoints([], name)] == ["fold_0", "fold_1"]
    assert [path.parent.name for path in found.checkpoints(["1"], name)] == ["fold_1"]


def test_the_fold_of_all_data_counts_where_there_is_no_other(trained):
    (trained / "fold_1").rename(trained / "fold_all")
    found = find_trained(trained)
    assert [path.parent.name for path in found.checkpoints([], "checkpoint_final.pth")] == ["fold_0"]
    assert [path.parent.name for path in found.checkpoints(["all"], "checkpoint_final.pth")] == ["fold_all"]


def test_a_fold_or_checkpoint_that_is_missing_is_named_with_those_there(trained):
    found = find_trained(trained)
    with pytest.raises(UserError, match="no fold_7, but fold_0, fold_1"):
        found.checkpoints(["7"], "checkpoint_final.pth")
    with pytest.raises(UserError, match=r"no checkpoint_best.pth: .* there is checkpoint_final.pth"):
        found.checkpoints([], "checkpoint_best.pth")


def test_of_several_configurations_one_is_chosen(trained):
    other = trained.with_name("nnUNetTrainer__nnUNetPlans__2d")
    other.mkdir()
    for name in ("plans.json", "dataset.json"):
        (other / name).write_bytes((trained / name).read_bytes())
    with pytest.raises(UserError, match="several models .*2d, .*3d_fullres"):
        find_trained(trained.parent)
    assert find_trained(trained.parent, "2d").path == other


def test_a_folder_without_a_model_says_what_one_has(tmp_path):
    assert not is_nnunet(tmp_path)
    with pytest.raises(UserError, match="it needs plans.json, dataset.json and fold_0"):
        find_trained(tmp_path)


def test_a_folder_of_version_1_is_named_so(tmp_path):
    place = tmp_path / "nnUNetTrainerV2__nnUNetPlansv2.1" / "fold_0"
    place.mkdir(parents=True)
    (place / "model_final_checkpoint.model").touch()
    assert is_nnunet(tmp_path)
    with pytest.raises(UserError, match="of nnU-Net 1"):
        find_trained(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_named(trained, content):
    (trained / "dataset.json").write_bytes(content)
    with pytest.raises(UserError, match=r"dataset.json is damaged"):
        find_trained(trained)


def test_a_missing_data_set_is_named(trained):
    (trained / "dataset.json").unlink()
    with pytest.raises(UserError, match=r"dataset.json is missing"):
        find_trained(trained)
