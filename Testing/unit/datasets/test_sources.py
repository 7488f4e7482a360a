import numpy as np
import pytest
from pydantic import TypeAdapter
from support.dataset_cases import ct, labels, write_lits, write_slices

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.slices import SliceSource
from LiverTumorSegLib.datasets.sources import AnySource, files, read, source_of
from LiverTumorSegLib.datasets.volumes import VolumeSource

SOURCES = TypeAdapter(tuple[AnySource, ...])
PICTURES, CTS = SliceSource(folder="slices", intensities=(0, 255)), VolumeSource(volumes="LITS")


@pytest.fixture
def data(tmp_path):
    """Patient 1 as pictures, without a mask on its last slice, and 2 as a CT."""
    write_slices(tmp_path / "slices", "volume-1")
    (tmp_path / "slices" / "masks" / "volume-1_slice_7.png").unlink()
    (tmp_path / "LITS").mkdir()
    write_lits(tmp_path / "LITS", 2)
    return tmp_path


def test_the_key_tells_slice_pictures_from_cts():
    found = SOURCES.validate_python([{"folder": "lits"}, {"volumes": "LITS", "every": 2}])
    assert found == (SliceSource(folder="lits"), VolumeSource(volumes="LITS", every=2))
    assert [source.folder for source in found] == ["lits", "LITS"]


@pytest.mark.parametrize("source", [SliceSource(folder="lits"), VolumeSource(volumes="LITS", lesions_apart=False)])
def test_a_source_survives_being_written_down(source):
    assert SOURCES.validate_json(SOURCES.dump_json((source,))) == (source,)


def test_the_files_of_patients_are_those_that_are_read(data):
    pictures = files(PICTURES, data)
    assert list(pictures) == ["volume-1"]
    names = sorted(path.relative_to(data / "slices").as_posix() for path in pictures["volume-1"])
    wanted = [
        f"{kind}/volume-1_slice_{n}.{end}" for kind, end in (("images", "jpg"), ("masks", "png")) for n in range(7)
    ]
    assert names == wanted
    assert files(CTS, data) == {"volume-2": (data / "LITS" / "volume-2.nii", data / "LITS" / "segmentation-2.nii")}


@pytest.mark.parametrize("source", [PICTURES, CTS])
def test_a_source_whose_folder_is_missing_holds_nobody(source, tmp_path):
    assert files(source, tmp_path) == {}


def test_the_source_that_holds_a_patient_is_found(data):
    assert source_of([PICTURES, CTS], data, "volume-1") == PICTURES
    assert source_of([PICTURES, CTS], data, "volume-2") == CTS
    with pytest.raises(UserError, match=r"no slices of volume-3 in .*slices.images or .*LITS: give the folder"):
        source_of([PICTURES, CTS], data, "volume-3")


def test_a_patient_of_either_kind_is_read_as_a_ct_with_labels(data):
    volume, marked = read(CTS, data, "volume-2")
    assert np.array_equal(volume.axial.of(volume.voxels), ct(2))
    assert np.array_equal(volume.axial.of(marked), labels())
    volume, marked = read(PICTURES, data, "volume-1")
    assert volume.voxels.shape == (7, 20, 24)
    assert np.array_equal(marked, labels()[:7])


@pytest.mark.parametrize(("source", "words"), [(PICTURES, "no run of evenly spaced"), (CTS, "no CT of volume-9")])
def test_a_patient_that_is_not_there_cannot_be_read(data, source, words):
    with pytest.raises(UserError, match=words):
        read(source, data, "volume-9")
