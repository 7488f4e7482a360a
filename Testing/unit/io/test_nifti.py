import gzip

import nibabel
import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes


def save(path, array, affine=None, **header):
    image = nibabel.Nifti1Image(array, np.diag([-1, -1, 2, 1.0]) if affine is None else affine)
    for name, value in header.items():
        image.header[name] = value
    path.write_bytes(gzip.compress(image.to_bytes()) if path.suffix == ".gz" else image.to_bytes())
    return path


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(-1000, 1000, (9, 8, 7)).astype(np.int16)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_refused(tmp_path, voxels, share):
    path = save(tmp_path / "ct.nii.gz", voxels)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(1, int(len(whole) * share))])
    with pytest.raises(UserError, match=r"ct\.nii\.gz (ends too early|is not a NIfTI file)"):
        volumes.read_volume(path)


@pytest.mark.parametrize("content", [b"plain text, no image\n" * 40, b"\0" * 400, b"\x1f\x8b"])
def test_other_content_is_refused(tmp_path, content):
    (tmp_path / "ct.nii").write_bytes(content)
    with pytest.raises(UserError, match=r"ct\.nii is not a NIfTI file"):
        volumes.read_volume(tmp_path / "ct.nii")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "ct.nii.gz").touch()
    with pytest.raises(UserError, match="is empty"):
        volumes.read_volume(tmp_path / "ct.nii.gz")


def test_two_and_four_dimensions_are_refused(tmp_path, voxels):
    with pytest.raises(UserError, match=r"has 2 dimensions \(9 x 8\)"):
        volumes.read_volume(save(tmp_path / "a.nii", voxels[..., 0]))
    with pytest.raises(UserError, match=r"has 4 dimensions \(9 x 8 x 7 x 2\): give one three-dimensional volume\.$"):
        volumes.read_volume(save(tmp_path / "b.nii", np.stack([voxels, voxels], axis=-1)))


def test_a_fourth_dimension_of_one_is_left_out(tmp_path, voxels):
    assert volumes.read_volume(save(tmp_path / "ct.nii", voxels[..., None])).voxels.shape == (7, 8, 9)


def test_colours_are_refused(tmp_path):
    colours = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(UserError, match=r"holds colours .*: export a volume that does\.$"):
        volumes.read_volume(save(tmp_path / "ct.nii", colours))


@pytest.mark.parametrize("spacing", [[0, 1, 1], [1, -1, 1], [1, 1, np.nan]])
def test_a_spacing_that_is_not_positive_is_refused(tmp_path, voxels, spacing):
    header = {"pixdim": [1, *spacing, 1, 1, 1, 1]}
    with pytest.raises(UserError, match=r"states a spacing of .* mm"):
        volumes.read_volume(save(tmp_path / "ct.nii", voxels, **header))


def test_nan_voxels_are_refused(tmp_path, voxels):
    broken = voxels.astype(np.float32)
    broken[3, 3, 3] = np.nan
    with pytest.raises(UserError, match="NaN or infinite"):
        volumes.read_volume(save(tmp_path / "ct.nii", broken))


def test_slope_and_intercept_are_applied(tmp_path, voxels):
    stored = (voxels + 1024).astype(np.uint16)
    path = save(tmp_path / "ct.nii", stored, scl_slope=1, scl_inter=-1024)
    assert np.array_equal(volumes.read_volume(path).voxels, voxels.transpose(2, 1, 0))


def test_a_file_that_states_no_orientation_is_warned_about(tmp_path, voxels):
    path = save(tmp_path / "ct.nii", voxels)
    content = bytearray(path.read_bytes())
    content[252:256] = bytes(4)  # qform_code and sform_code
    path.write_bytes(content)
    assert "does not say how the patient lies" in volumes.read_volume(path).warnings[0]


def test_an_identity_affine_is_warned_about(tmp_path, voxels):
    path = save(tmp_path / "ct.nii", voxels, affine=np.eye(4))
    assert "1 mm in every direction" in volumes.read_volume(path).warnings[0]


def test_a_unit_of_length_that_does_not_exist_is_taken_for_millimetres(tmp_path, voxels):
    volume = volumes.read_volume(save(tmp_path / "ct.nii", voxels, xyzt_units=7), force=True)
    assert volume.spacing == pytest.approx((2, 1, 1))
    assert volumes.read_volume(save(tmp_path / "m.nii", voxels, xyzt_units=3 + 8), force=True).spacing[
        0
    ] == pytest.approx(0.002)


def test_the_header_of_a_pair_is_not_taken_for_voxels(tmp_path, voxels):
    with pytest.raises(UserError, match="is the header of a pair"):
        volumes.read_volume(save_raw(tmp_path / "ct.nii", voxels, magic=b"ni1", vox_offset=0))


@pytest.mark.parametrize("offset", [0, 16, -352])
def test_voxels_that_begin_within_the_header_are_refused(tmp_path, voxels, offset):
    with pytest.raises(UserError, match=r"within its header \(vox_offset\)|is not a NIfTI file that can be read"):
        volumes.read_volume(save_raw(tmp_path / "ct.nii", voxels, vox_offset=offset))


def test_an_infinite_slope_is_refused(tmp_path, voxels):
    with pytest.raises(UserError, match="states an infinite slope"):
        volumes.read_volume(save_raw(tmp_path / "ct.nii", voxels, scl_slope=np.inf))


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_more_voxels_than_a_file_can_hold_are_refused_before_memory_is_asked_for(tmp_path, voxels, name, monkeypatch):
    monkeypatch.setattr(nibabel.arrayproxy.ArrayProxy, "get_unscaled", lambda _: pytest.fail("it was read"))
    path = save_raw(tmp_path / name, voxels, dim=[3, 1200, 1200, 1200, 1, 1, 1, 1])
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(path)


def test_too_little_memory_is_said_as_such(tmp_path, voxels, monkeypatch):
    def no_memory(_):
        raise MemoryError

    monkeypatch.setattr(nibabel.arrayproxy.ArrayProxy, "get_unscaled", no_memory)
    with pytest.raises(UserError, match=r"ct\.nii takes more memory than there is: crop it"):
        volumes.read_volume(save_raw(tmp_path / "ct.nii", voxels))


@pytest.mark.parametrize(("quaternion", "warned"), [((0, 0, 1), False), ((0, 0, 0), True), ((np.nan, 0, 0), True)])
def test_two_places_that_differ_are_warned_about(tmp_path, voxels, quaternion, warned):
    fields = dict(zip(("quatern_b", "quatern_c", "quatern_d"), quaternion, strict=True))
    path = save_raw(tmp_path / "ct.nii", voxels, qform_code=1, **fields)
    volume = volumes.read_volume(path)
    assert volume.affine == pytest.approx(np.diag([-1, -1, 2, 1]))
    assert any("two places that differ" in sentence for sentence in volume.warnings) == warned


def save_raw(path, voxels, **fields):
    """As :func:`save`, fields as they are: nibabel's images set some anew."""
    content = nibabel.Nifti1Image(voxels, np.diag([-1, -1, 2, 1.0])).to_bytes()
    header = nibabel.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    content = header.binaryblock + content[348:]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
