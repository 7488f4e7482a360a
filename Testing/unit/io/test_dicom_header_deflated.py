import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import DeflatedExplicitVRLittleEndian
from support.dicom_slices import plain, write

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_header, volumes
from LiverTumorSegLib.io.dicom_header import unpacks_too_far


def deflated(folder, more=0):
    """The plain series, its first slice deflated, with so many bytes more."""
    paths = write(plain(), folder)
    dataset = pydicom.dcmread(paths[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.add_new((0x0009, 0x0010), "LO", "MORE")
    dataset.add_new((0x0009, 0x1001), "OB", bytes(more))
    dataset.save_as(paths[0])
    return paths


def test_a_deflated_slice_is_read(tmp_path):
    paths = deflated(tmp_path)
    assert not any(unpacks_too_far(path) for path in paths)
    assert volumes.read_stored(tmp_path).values.shape[0] == len(paths)


def test_a_slice_that_unpacks_to_more_than_an_image_has_is_never_given_to_gdcm(tmp_path, monkeypatch):
    path = deflated(tmp_path, 130 << 20)[0]
    assert path.stat().st_size < 200_000
    assert unpacks_too_far(path)
    monkeypatch.setattr(sitk.ImageFileReader, "ReadImageInformation", lambda _: pytest.fail("it was read"))
    assert dicom_header.read_header(path) is None
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"slices \d+\.\d+ mm apart|ends too early, is damaged"):
        volumes.read_stored(deflated(tmp_path / "inner", 130 << 20)[0].parent)


@pytest.mark.parametrize("by", [-2, 2, 4000])
def test_a_data_set_that_begins_at_two_places_is_refused(tmp_path, by):
    path = deflated(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[140:144] = (int.from_bytes(content[140:144], "little") + by).to_bytes(4, "little")
    path.write_bytes(content)
    assert unpacks_too_far(path)
    path.write_bytes(content[:-50])
    assert unpacks_too_far(path)
