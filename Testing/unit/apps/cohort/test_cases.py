import pytest
from support.cohort_cases import touch
from support.dicom_series_cases import write_series

from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken


def names(source, *others):
    return [case.name for case in cohort.find(source, others).cases]


def test_every_format_is_found_in_every_folder_and_hidden_files_are_not(tmp_path):
    touch(tmp_path, "b.nii", "a/volume-10.nii.gz", "a/volume-2.nii", "c.nrrd", "d.mha", "e.mhd", "e.raw", "f.nhdr")
    touch(tmp_path, "._g.nii", ".h/i.nii", "readme.txt")
    assert names(tmp_path) == ["b", "c", "d", "e", "f", "volume-2", "volume-10"]


def test_masks_are_left_out_by_name_or_folder_and_said(tmp_path):
    touch(tmp_path, "volume-1.nii", "segmentation-1.nii", "a_seg.nii.gz", "b.seg.nrrd", "labelsTr/liver_3.nii.gz")
    found = cohort.find(tmp_path)
    assert [case.name for case in found.cases] == ["volume-1"]
    (remark,) = found.remarks
    assert remark.startswith("Left out as masks by their names or folders: 4, such as ")


def test_training_and_test_images_of_msd_are_one_cohort(tmp_path):
    touch(tmp_path, "imagesTr/liver_0.nii.gz", "labelsTr/liver_0.nii.gz", "imagesTs/liver_132.nii.gz", "dataset.json")
    assert names(tmp_path) == ["liver_0", "liver_132"]


def test_a_channel_is_no_part_of_the_name_but_a_number_is(tmp_path):
    touch(tmp_path / "nnunet", "liver_001_0000.nii.gz", "liver_002_0000.nii.gz")
    touch(tmp_path / "numbered", "amos_0000.nii.gz", "amos_0001.nii.gz")
    assert names(tmp_path / "nnunet") == ["liver_001", "liver_002"]
    assert names(tmp_path / "numbered") == ["amos_0000", "amos_0001"]


def test_names_are_those_that_evaluate_pairs_by(tmp_path):
    from LiverTumorSegLib.evaluation import pairing

    touch(tmp_path / "cts", "volume-07.nii", "liver_1.nii.gz", "a.b.nrrd")
    touch(tmp_path / "references", "segmentation-7.nii", "liver_1.nii.gz", "a.b_label.nrrd")
    touch(tmp_path / "out", *(f"{name}.seg.nrrd" for name in names(tmp_path / "cts")))
    pairs = [pairing.group_by_case(pairing.find_volumes(tmp_path / folder)) for folder in ("out", "references")]
    assert pairs[0].keys() == pairs[1].keys()


def test_outputs_inside_the_folder_are_not_taken_for_cts(tmp_path):
    touch(tmp_path, "a.nii.gz", "out/a.nii.gz", "out/.cohort/b.nii.gz")
    assert names(tmp_path, tmp_path / "out") == ["a"]


def test_dicom_folders_are_cases_beside_files(tmp_path):
    write_series(tmp_path / "patient_1" / "ct")
    write_series(tmp_path / "3Dircadb1.2" / "PATIENT_DICOM", "1.2.4")
    write_series(tmp_path / "3Dircadb1.2" / "MASKS_DICOM" / "liver", "1.2.5")
    touch(tmp_path, "other.nii")
    found = cohort.find(tmp_path).cases
    assert [(case.name, case.series) for case in found] == [("3Dircadb1.2", "1.2.4"), ("ct", "1.2.3"), ("other", None)]
    assert found[1].size == sum(file.stat().st_size for file in (tmp_path / "patient_1" / "ct").iterdir())


def test_linked_folders_are_followed_once_and_not_in_circles(tmp_path):
    touch(tmp_path, "store/b/ct-2.nii", "cts/ct-1.nii", "cts/labelsTr/ct-1.nii", "out/ct-9.nii")
    write_series(tmp_path / "patient")
    for link, place in {"aliases": "cts/labelsTr", "b": "store/b", "c": "store", "d": "patient", "up": "cts"}.items():
        (tmp_path / "cts" / link).symlink_to(tmp_path / place, target_is_directory=True)
    (tmp_path / "cts" / "results").symlink_to(tmp_path / "out", target_is_directory=True)
    (tmp_path / "store" / "back").symlink_to(tmp_path / "cts", target_is_directory=True)
    assert names(tmp_path / "cts", tmp_path / "out") == ["ct-1", "ct-2", "patient"]


def test_a_broken_link_is_a_case_whose_failure_will_be_said(tmp_path):
    (tmp_path / "ct.nii").symlink_to(tmp_path / "nowhere")
    assert [(case.name, case.size) for case in cohort.find(tmp_path).cases] == [("ct", 0)]


@pytest.mark.parametrize(
    "pair", [("a.nii", "a.nii.gz"), ("one/a.nii", "two/A.nrrd"), ("volume-1.nii", "volume-01.nii")]
)
def test_two_cts_of_one_name_are_refused(tmp_path, pair):
    touch(tmp_path, *pair)
    with pytest.raises(UserError, match="would both be the case"):
        cohort.find(tmp_path)


def test_a_folder_without_cts_is_refused_and_says_what_it_holds(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        cohort.find(tmp_path / "none")
    touch(tmp_path, "segmentation-1.nii")
    with pytest.raises(UserError, match=r"holds no CT \(Left out as masks.*: 1, such as segmentation-1\.nii\)"):
        cohort.find(tmp_path)


def test_a_search_can_be_stopped(tmp_path):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        cohort.find(tmp_path, (), cancel)
