import shutil

import pytest
from support.dataset_cases import write_ircadb
from support.training_cases import make_data, make_volumes

from LiverTumorSegLib.datasets.checksums import fingerprints, label_fingerprints
from LiverTumorSegLib.datasets.slices import SliceSource
from LiverTumorSegLib.datasets.volumes import VolumeSource

SOURCES = (SliceSource(folder="lits"), VolumeSource(volumes="LITS"))


@pytest.fixture
def data(tmp_path):
    return make_volumes(make_data(tmp_path / "data"), numbers=(0, 1))


@pytest.mark.parametrize("of", [fingerprints, label_fingerprints])
def test_every_patient_and_table_has_one(data, of):
    found = of(SOURCES, data)
    patients = [f"lits/volume-{number}" for number in range(3)]
    assert list(found) == [*patients, "lits/slices.csv", "LITS/volume-0", "LITS/volume-1"]


@pytest.mark.parametrize("of", [fingerprints, label_fingerprints])
def test_a_copy_elsewhere_has_the_same(data, tmp_path, of):
    shutil.copytree(data, tmp_path / "copy", copy_function=shutil.copyfile)
    assert of(SOURCES, tmp_path / "copy") == of(SOURCES, data)


@pytest.mark.parametrize(
    ("file", "patient"),
    [
        ("lits/masks/volume-1_slice_3.png", "lits/volume-1"),
        ("lits/slices.csv", "lits/slices.csv"),
        ("LITS/segmentation-1.nii.gz", "LITS/volume-1"),
    ],
)
def test_a_file_of_another_size_changes_its_patient_alone(data, file, patient):
    before = fingerprints(SOURCES, data)
    with (data / file).open("ab") as longer:
        longer.write(b" ")
    after = fingerprints(SOURCES, data)
    assert [key for key in before if before[key] != after[key]] == [patient]


def flip(path):
    """Change a byte in the middle, which leaves the size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "patients"),
    [
        ("lits/masks/volume-1_slice_3.png", ["lits/volume-1"]),
        ("lits/slices.csv", ["lits/slices.csv"]),
        ("LITS/segmentation-1.nii.gz", ["LITS/volume-1"]),
        ("lits/images/volume-1_slice_3.jpg", []),
        ("LITS/volume-1.nii.gz", []),
    ],
)
def test_labels_of_the_old_size_change_their_patient_and_pictures_are_not_read(data, file, patients):
    before = [fingerprints(SOURCES, data), label_fingerprints(SOURCES, data)]
    flip(data / file)
    assert fingerprints(SOURCES, data) == before[0]
    after = label_fingerprints(SOURCES, data)
    assert [key for key in after if after[key] != before[1][key]] == patients


def test_masks_in_folders_are_read_too(tmp_path):
    write_ircadb(tmp_path / "IRCADB", 2)
    sources, found = [VolumeSource(volumes="IRCADB")], []
    for place in ("PATIENT_DICOM", "MASKS_DICOM/liver"):
        found.append(label_fingerprints(sources, tmp_path))
        flip(next((tmp_path / "IRCADB" / "3Dircadb1.2" / place).iterdir()))
    assert found[0] == found[1] != label_fingerprints(sources, tmp_path)


@pytest.mark.parametrize("of", [fingerprints, label_fingerprints])
def test_data_that_are_not_there_have_none(tmp_path, of):
    assert of(SOURCES, tmp_path) == {}
