import pytest
from support.dicom_slices import plain, write
from support.seg_cases import made, saved

from LiverTumorSegLib.core import case_names
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation import pairing


@pytest.fixture
def folder(tmp_path):
    """A function that makes empty files."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def test_every_readable_format_is_found_in_folders_within(folder):
    names = ("a.nii", "b/b.nii.gz", "b/c/c.nrrd", "d.seg.nrrd", "e.nhdr", "f.mha", "g.MHD")
    root = folder(*names, "g.raw", "notes.txt", "nii", "readme")
    assert pairing.find_volumes(root) == sorted(root / name for name in names)


def test_of_dicom_files_the_segmentations_are_found_and_called_by_their_names(tmp_path):
    saved(made(), tmp_path / "liver_1_seg.dcm")
    write(plain(), tmp_path / "ct")
    (tmp_path / "notes.dcm").write_text("no DICOM")
    assert pairing.group_by_case(pairing.find_volumes(tmp_path)) == {"liver_1": [tmp_path / "liver_1_seg.dcm"]}
    assert pairing.separate_masks([tmp_path / "liver_1_seg.dcm"]) == ([tmp_path / "liver_1_seg.dcm"], [])


def test_what_is_hidden_is_left_out(folder):
    root = folder("a.nii", "._a.nii", ".livertumorseg-x/b.nii", "c/._d/e.nii")
    assert pairing.find_volumes(root) == [root / "a.nii"]


def test_folders_called_like_volumes_are_no_volumes(folder):
    root = folder("a.nii", "b.nii/note.txt")
    assert pairing.find_volumes(root) == [root / "a.nii"]


def test_another_folder_inside_is_left_out_and_one_around_is_not(folder):
    root = folder("a.nii", "made/a.nii", "made2/b.nii")
    assert pairing.find_volumes(root, [root, root / "made"]) == [root / "a.nii", root / "made2" / "b.nii"]
    assert pairing.find_volumes(root / "made", [root, root / "made"]) == [root / "made" / "a.nii"]


def test_a_folder_without_volumes_is_refused(folder):
    with pytest.raises(
        UserError,
        match=r"holds no file that ends in \.nii, .* or \.mhd, and no DICOM segmentation .*: give another folder\.$",
    ):
        pairing.find_volumes(folder("notes.txt"))


def test_the_ct_goes_before_its_channel_and_masks_are_no_cts(folder):
    root = folder("liver_1_0000.nii", "liver_1_0001.nii", "liver_2.nii", "liver_2_0000.nii", "liver_3_seg.nii")
    found = pairing.group_by_case(pairing.find_volumes(root))
    assert pairing.images_of_case("liver_1", found) == [root / "liver_1_0000.nii"]
    assert pairing.images_of_case("liver_2", found) == [root / "liver_2.nii"]
    assert pairing.images_of_case("liver_3", found) == []


def test_probabilities_are_sorted_by_structure_and_case(folder):
    root = folder("segmentation-3_liver.nii.gz", "liver_1_lesion.nrrd", "liver_1.nii", "liver_1-liver.nii")
    assert pairing.probability_files(pairing.find_volumes(root)) == {
        "liver": {"volume-3": [root / "segmentation-3_liver.nii.gz"], "liver_1": [root / "liver_1-liver.nii"]},
        "lesion": {"liver_1": [root / "liver_1_lesion.nrrd"]},
    }


def test_a_segmentation_that_was_written_here_is_named_by_its_folder(tmp_path):
    assert pairing.case_name(tmp_path / "anna_seg" / "segmentation.dcm") == case_names.CaseName("anna", is_mask=True)
    assert pairing.case_name(tmp_path / "anna" / "ben.dcm").case == "ben"
    assert pairing.case_name(tmp_path / "anna" / "segmentation.nii.gz").case == "segmentation"
