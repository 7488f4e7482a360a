import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import nrrd_metaimage, volumes


def write(path, array, **options):
    sitk.WriteImage(sitk.GetImageFromArray(array, **options), str(path))
    return path


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_a_truncated_file_is_refused(tmp_path, ending):
    path = write(tmp_path / f"ct{ending}", np.random.default_rng(0).integers(-900, 900, (9, 20, 20)).astype(np.int16))
    whole = path.read_bytes()
    for share in (0.01, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match=rf"ct\{ending}"):
            volumes.read_volume(path)


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_text_is_refused(tmp_path, ending):
    (tmp_path / f"ct{ending}").write_text("no image at all")
    with pytest.raises(UserError, match="ends too early, is damaged"):
        volumes.read_volume(tmp_path / f"ct{ending}")


def test_two_and_four_dimensions_and_colours_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"has 2 dimensions \(5 x 4\)"):
        volumes.read_volume(write(tmp_path / "a.mha", np.zeros((4, 5), np.int16)))
    with pytest.raises(UserError, match=r"has 4 dimensions \(5 x 4 x 3 x 2\)"):
        volumes.read_volume(write(tmp_path / "b.nrrd", np.zeros((2, 3, 4, 5), np.int16), isVector=False))
    with pytest.raises(UserError, match="holds 3 numbers a voxel"):
        volumes.read_volume(write(tmp_path / "c.mha", np.zeros((3, 4, 5, 3), np.uint8), isVector=True))


def test_the_advice_is_for_cts_and_masks(tmp_path):
    with pytest.raises(UserError, match=r"give one three-dimensional volume\.$"):
        volumes.read_stored(write(tmp_path / "a.mha", np.zeros((4, 5), np.int16)))
    with pytest.raises(UserError, match=r"such as colours: export a volume with one number a voxel\.$"):
        volumes.read_stored(write(tmp_path / "b.nrrd", np.zeros((3, 4, 5, 3), np.uint8), isVector=True))


def test_layers_of_segments_are_to_be_one_labelmap(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5, 2), np.uint8), isVector=True)
    image.SetMetaData("Segment0_Name", "liver")
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    content = (tmp_path / "a.seg.nrrd").read_bytes()
    (tmp_path / "a.seg.nrrd").write_bytes(content.replace(b"kinds: vector", b"kinds: list"))  # as Slicer writes them
    with pytest.raises(UserError, match=r"holds 2 layers, as its segments overlap: export them as one labelmap\.$"):
        volumes.read_stored(tmp_path / "a.seg.nrrd")


def test_a_header_is_read_without_the_voxels(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5), np.uint8))
    image.SetMetaData("colour", "blue")
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    content = (tmp_path / "a.nrrd").read_bytes()
    (tmp_path / "a.nrrd").write_bytes(content[:-60])
    assert nrrd_metaimage.header_fields(tmp_path / "a.nrrd")["colour"] == "blue"
    (tmp_path / "a.nrrd").write_bytes(content.replace(b"blue", b"bl\xfce"))  # Latin-1
    assert nrrd_metaimage.header_fields(tmp_path / "a.nrrd")["colour"] == "bl\ufffde"
    (tmp_path / "a.nrrd").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a\.nrrd ends too early, is damaged"):
        nrrd_metaimage.header_fields(tmp_path / "a.nrrd")


@pytest.mark.parametrize("spacing", ["0 1 1", "-1 1 1", "nan 1 1"])
def test_a_spacing_that_is_not_positive_is_refused(tmp_path, spacing):
    header = f"ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementSpacing = {spacing}\nElementType = MET_SHORT\n"
    path = tmp_path / "ct.mha"
    path.write_bytes(f"{header}ElementDataFile = LOCAL\n".encode() + np.full(8, -100, np.int16).tobytes())
    with pytest.raises(UserError, match=r"ct\.mha"):
        volumes.read_volume(path)
