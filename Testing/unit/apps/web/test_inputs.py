import shutil
import zipfile

import nibabel
import numpy as np
import pytest
from pydicom.uid import MRImageStorage
from support import enhanced_dicom
from support.dicom_slices import hounsfield, plain, write
from support.identified_dicom import DATE, NUMBERS, UID, WORD, write_identified

from LiverTumorSegLib.apps.web import inputs
from LiverTumorSegLib.apps.web.inputs import Candidate, read_candidate
from LiverTumorSegLib.core.errors import UserError


def candidates(path):
    return inputs.find_candidates(path, path.parent)


def save_ct(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(-1000, 1000, (20, 16, 12)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2, 5, 1])), path)
    return values


def zipped(folder):
    shutil.make_archive(str(folder), "zip", folder)
    return folder.with_name(folder.name + ".zip")


def described(words, **attributes):
    slices = plain(**attributes)
    for one in slices:
        one.SeriesDescription = words
    return slices


def refusal(path):
    with pytest.raises(UserError) as refused:
        candidates(path)
    assert str(path.parent) not in str(refused.value)
    return str(refused.value)


def test_a_volume_file_is_read_as_it_is(tmp_path):
    values = save_ct(tmp_path / "ct.nii.gz")
    (found,) = candidates(tmp_path / "ct.nii.gz")
    assert found == Candidate("ct.nii.gz", tmp_path / "ct.nii.gz")
    assert found.name == "ct"
    assert np.array_equal(read_candidate(found).voxels, values.transpose(2, 1, 0))


@pytest.mark.parametrize("packed", [False, True])
def test_a_dicom_series_is_found_with_all_else_around_it(tmp_path, packed):
    folder = tmp_path / "drop"
    write(described("portal venous 1.0"), folder / "DICOM" / "ST1")
    (folder / "DICOMDIR").write_bytes(b"x")
    (folder / "readme.txt").write_text("x")
    (found,) = candidates(zipped(folder) if packed else folder)
    assert found.title == "Series 1: portal venous 1.0, 6 slices of 20 x 16"
    assert found.name == "portal venous 1.0"
    assert np.array_equal(read_candidate(found).voxels, hounsfield())


def test_of_several_series_each_can_be_read(tmp_path):
    """A UID may be the end of another one."""
    for uid, seed in (("1.2.3", 1), ("11.2.3", 2)):
        write(described(f"phase {seed}", uid=uid, seed=seed), tmp_path / "ct", uid)
    found = candidates(tmp_path / "ct")
    assert [one.title.split(",")[0] for one in found] == ["Series 1: phase 1", "Series 2: phase 2"]
    for one, seed in zip(found, (1, 2), strict=True):
        assert np.array_equal(read_candidate(one).voxels, hounsfield(seed=seed))


def test_a_series_without_a_uid_can_be_read_beside_another(tmp_path):
    nameless = plain(seed=1)
    for one in nameless:
        one.SeriesInstanceUID = ""
    write(nameless, tmp_path, "a")
    write(plain(seed=2), tmp_path, "b")
    for one, seed in zip(candidates(tmp_path), (1, 2), strict=True):
        assert np.array_equal(read_candidate(one).voxels, hounsfield(seed=seed))


def test_series_that_are_no_ct_to_segment_are_left_out(tmp_path):
    write(described("the CT", uid="1.5"), tmp_path, "ct")
    mr, scout, single = plain("1.2"), plain("1.3", count=2), plain("1.4", count=1)
    for one in mr:
        one.Modality, one.SOPClassUID = "MR", MRImageStorage
    for one in scout:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    for name, slices in {"mr": mr, "scout": scout, "single": single}.items():
        write(slices, tmp_path, name)
    assert [one.title for one in candidates(tmp_path)] == ["Series 1: the CT, 6 slices of 20 x 16"]


def test_volumes_and_series_are_offered_together_but_no_segmentations(tmp_path):
    folder = tmp_path / "drop"
    save_ct(folder / "b.nii")
    save_ct(folder / "a" / "ct.nii.gz")
    (folder / "b.seg.nrrd").write_bytes(b"NRRD0004\n")
    write(plain(), folder)
    titles = ["a/ct.nii.gz", "b.nii", "Series 1: series 1.2.3, 6 slices of 20 x 16"]
    assert [one.title for one in candidates(folder)] == titles


def test_a_zip_file_is_unpacked_in_the_room_it_is_given_in_place_of_the_one_before(tmp_path):
    for number in (1, 2):
        save_ct(tmp_path / "theirs" / f"{number}" / f"ct {number}.nii", number)
        zipped(tmp_path / "theirs" / f"{number}")
        shutil.rmtree(tmp_path / "theirs" / f"{number}")
    (tmp_path / "room").mkdir()
    for number in (1, 2):
        (found,) = inputs.find_candidates(tmp_path / "theirs" / f"{number}.zip", tmp_path / "room")
        assert found.title == f"ct {number}.nii"
        assert [path for path in (tmp_path / "room").rglob("*") if path.is_file()] == [found.path]
    assert sorted(path.name for path in (tmp_path / "theirs").iterdir()) == ["1.zip", "2.zip"]


def test_a_folder_of_one_file_is_that_file(tmp_path):
    """The page sends a single file as a batch of one."""
    for name in ("volume", "packed", "rubbish"):
        (tmp_path / name).mkdir()
    save_ct(tmp_path / "volume" / "ct.nii")
    zipped(tmp_path / "volume").rename(tmp_path / "packed" / "study.zip")
    (tmp_path / "rubbish" / "notes.txt").write_text("x")
    assert [one.title for one in candidates(tmp_path / "volume")] == ["ct.nii"]
    assert [one.title for one in candidates(tmp_path / "packed")] == ["ct.nii"]
    assert refusal(tmp_path / "rubbish").startswith("notes.txt is in a format")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("notes.txt", r"notes\.txt is in a format that cannot be read: give a NIfTI"),
        ("ct.seg.nrrd", r"ct\.seg\.nrrd is a segmentation, not a CT"),
        ("ct.zip", r"ct\.zip is damaged, encrypted or no plain zip file"),
    ],
)
def test_rubbish_is_refused_by_its_name(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"rubbish")
    with pytest.raises(UserError, match=words):
        candidates(tmp_path / name)


def test_rubbish_with_a_volumes_name_is_refused_when_it_is_read(tmp_path):
    (tmp_path / "ct.nii.gz").write_bytes(b"rubbish")
    (found,) = candidates(tmp_path / "ct.nii.gz")
    with pytest.raises(UserError, match=r"^ct\.nii\.gz "):
        read_candidate(found)


def test_a_single_dicom_file_asks_for_its_folder(tmp_path):
    file, *_ = write(plain(), tmp_path)
    assert "is a single DICOM file: give the folder" in refusal(file)


@pytest.mark.parametrize("inside", [True, False])
def test_the_one_file_of_an_enhanced_ct_is_a_ct(tmp_path, inside):
    file = enhanced_dicom.write(enhanced_dicom.enhanced(plain()), tmp_path / "in" / "SMITH^JOHN.dcm")
    (found,) = candidates(file.parent if inside else file)
    assert found.title == "Series 1: series 1.2.3, 6 slices of 20 x 16"
    assert np.array_equal(read_candidate(found).voxels, hounsfield())
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"^The file ends too early"):
        read_candidate(found)


def test_of_the_stacks_of_an_enhanced_ct_one_is_chosen(tmp_path):
    slices = [*plain(), *plain(seed=8)]
    file = enhanced_dicom.write(enhanced_dicom.enhanced(slices, ["1"] * 6 + ["2"] * 6), tmp_path / "ct.dcm")
    found = candidates(file)
    assert len(found) == 2
    assert np.array_equal(read_candidate(found[1]).voxels, hounsfield(seed=8))


def test_a_zip_file_without_a_ct_says_what_it_holds(tmp_path):
    mr = plain()
    for one in mr:
        one.Modality = "MR"
    write(mr, tmp_path / "scan")
    assert refusal(zipped(tmp_path / "scan")).startswith("scan.zip holds MR images, but no CT: give")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert refusal(tmp_path / "empty.zip").startswith("empty.zip holds no CT: give")


def test_a_ct_that_is_not_in_hounsfield_units_is_read_with_a_warning(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (20, 16, 12)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2, 5, 1])), tmp_path / "mr.nii")
    (found,) = candidates(tmp_path / "mr.nii")
    assert any("Hounsfield" in warning for warning in read_candidate(found).warnings)


MARKS = (WORD, DATE, UID, *NUMBERS)


def assert_nobody_is_named(words):
    assert not [mark for mark in MARKS if mark.casefold() in words.casefold()]


def test_no_title_says_who_the_patient_is(tmp_path):
    write_identified(tmp_path / "folder" / WORD)
    (found,) = candidates(tmp_path / "folder")
    assert found.title == "Series 1: 8 slices of 64 x 48"
    assert_nobody_is_named(" ".join(read_candidate(found).warnings))


@pytest.mark.parametrize(
    "words", ["Doe liver", "liver_DOE", "john", "liver 4711", "1937 19371113", "JohnDoe", "MÜLLER", "伟 2"]
)
def test_a_description_that_names_the_patient_is_not_shown(tmp_path, words):
    slices = described(words)
    for one in slices:
        one.SpecificCharacterSet = "ISO_IR 192"
        one.PatientName, one.PatientID, one.PatientBirthName = "Doe^John", "4711", "Müller^伟"
    write(slices, tmp_path / "ct")
    assert [one.title for one in candidates(tmp_path / "ct")] == ["Series 1: 6 slices of 20 x 16"]
    assert [one.name for one in candidates(tmp_path / "ct")] == ["DICOM series"]


def test_a_description_in_letters_that_cannot_be_read_is_not_shown(tmp_path):
    slices = described("王伟")
    for one in slices:
        one.SpecificCharacterSet = "GB18030"
    write(slices, tmp_path / "ct")
    assert [one.title for one in candidates(tmp_path / "ct")] == ["Series 1: 6 slices of 20 x 16"]


def missing_slice(slices):
    del slices[2]


def without_place(slices):
    del slices[2].ImagePositionPatient


def two_patients(slices):
    slices[2].PatientID = WORD


@pytest.mark.parametrize("spoil", [missing_slice, without_place, two_patients])
def test_no_error_names_a_patient_or_a_place_on_the_server(tmp_path, spoil):
    slices = plain()
    spoil(slices)
    write(slices, tmp_path / "server" / WORD, WORD)
    with pytest.raises(UserError) as refused:
        read_candidate(*candidates(tmp_path / "server"))
    assert str(refused.value).startswith(("The series ", "A file of the series "))
    assert_nobody_is_named(str(refused.value))
    assert "server" not in str(refused.value)


def test_a_series_of_damaged_files_is_refused_without_their_names(tmp_path):
    for file in write(plain(), tmp_path / "ct", WORD):
        file.write_bytes(file.read_bytes()[:400])
    words = refusal(tmp_path / "ct")
    assert words.startswith("A file of the series ends too early")
    assert_nobody_is_named(words)
