import errno
import gzip
import os

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from support.volumes import reordered

from LiverTumorSegLib.core.ct_quality import DamageTreatment
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import nifti, volumes


def save(path, volume):
    """Write a CT as NIfTI, NRRD or MetaImage."""
    if ".nii" in path.name.lower():
        image = nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), volume.affine)
        path.write_bytes(gzip.compress(image.to_bytes()) if path.suffix == ".gz" else image.to_bytes())
    else:
        from LiverTumorSegLib.io import itk

        image = itk.labels_to_image(volume.voxels, volume)
        sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def oblique(ct):
    from scipy.spatial.transform import Rotation

    affine = ct.affine.copy()
    affine[:3, :3] = Rotation.from_euler("xyz", (10, -20, 5), degrees=True).as_matrix() @ affine[:3, :3]
    return Volume(ct.voxels, affine)


@pytest.fixture
def sheared(ct):
    affine = ct.affine.copy()
    affine[1, 2] = 0.7
    return Volume(ct.voxels, affine)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".NII"])
def test_every_format_gives_the_same_volume(tmp_path, oblique, ending):
    read = volumes.read_volume(save(tmp_path / f"ct{ending}", oblique))
    assert np.array_equal(read.voxels, oblique.voxels)
    assert read.voxels.dtype == np.int16
    assert read.affine == pytest.approx(oblique.affine, abs=1e-4)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_gantry_tilt_survives_reading(tmp_path, sheared, ending):
    assert volumes.read_volume(save(tmp_path / f"ct{ending}", sheared)).affine == pytest.approx(
        sheared.affine, abs=1e-4
    )


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        *(("oblique", e) for e in (".nii", ".nii.gz", ".nrrd", ".seg.nrrd")),
        ("sheared", ".nrrd"),
        ("sheared", ".seg.nrrd"),
    ],
)
def test_labels_come_back_on_the_volumes_own_grid(tmp_path, request, kind, ending):
    volume = request.getfixturevalue(kind)
    labels = np.random.default_rng(2).integers(0, 3, volume.voxels.shape).astype(np.uint8)
    volumes.write_labels(tmp_path / f"labels{ending}", labels, volume)
    read = volumes.read_volume(tmp_path / f"labels{ending}", force=True)
    assert np.array_equal(read.voxels, labels)
    assert read.affine == pytest.approx(volume.affine, abs=1e-4)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_labels_with_gantry_tilt_are_not_written_where_others_cannot_read_them(tmp_path, sheared, ending):
    with pytest.raises(UserError, match=r"tilted slices .* end the name in \.seg\.nrrd"):
        volumes.write_labels(tmp_path / f"labels{ending}", np.zeros(sheared.voxels.shape, np.uint8), sheared)
    assert not list(tmp_path.iterdir())


def test_an_extent_beyond_any_patient_is_refused(tmp_path, ct):
    giant = Volume(ct.voxels, ct.affine @ np.diag([200.0, 200, 1, 1]))
    with pytest.raises(UserError, match=r"states an extent of 3\.8 m"):
        volumes.read_volume(save(tmp_path / "ct.nii", giant))


def test_labels_of_another_grid_are_a_mistake(tmp_path, ct):
    with pytest.raises(ValueError, match="grid"):
        volumes.write_labels(tmp_path / "labels.nrrd", np.zeros((1, 2, 3), np.uint8), ct)


def test_an_existing_file_is_kept(tmp_path, ct):
    labels = np.zeros(ct.voxels.shape, np.uint8)
    (tmp_path / "labels.nrrd").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        volumes.write_labels(tmp_path / "labels.nrrd", labels, ct)
    assert (tmp_path / "labels.nrrd").read_text() == "mine"
    volumes.write_labels(tmp_path / "labels.nrrd", labels, ct, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["labels.nrrd"]


@pytest.mark.parametrize("name", ["labels.png", "labels", "labels.mha"])
def test_an_output_format_that_is_not_written_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(UserError, match="in a format that cannot be written"):
        volumes.check_output(tmp_path / name)


def test_the_stem_has_no_ending(tmp_path):
    assert [volumes.stem(tmp_path / name) for name in ("a.nii.gz", "b.seg.nrrd", "c.d.mha", "e")] == [
        "a",
        "b",
        "c.d",
        "e",
    ]


@pytest.mark.parametrize("ending", [".nii", ".nrrd"])
def test_what_is_not_in_hounsfield_units_needs_force(tmp_path, ct, ending):
    path = save(tmp_path / f"mr{ending}", Volume(np.abs(ct.voxels), ct.affine))
    with pytest.raises(UserError, match=r"does not look like a CT in Hounsfield units .* --force"):
        volumes.read_volume(path)
    assert "does not look like a CT" in volumes.read_volume(path, force=True).warnings[0]


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.diag([1, 1, 0, 1.0]), np.diag([np.nan, 1, 1, 1])])
def test_an_affine_without_extent_is_refused(tmp_path, ct, affine):
    image = nibabel.Nifti1Image(ct.voxels.transpose(2, 1, 0), None)
    image.header.set_sform(affine, code=1)
    image.header["pixdim"][1:4] = 1
    path = tmp_path / "ct.nii"
    path.write_bytes(image.to_bytes())
    with pytest.raises(UserError, match=r"ct\.nii"):
        volumes.read_volume(path)


def test_missing_and_unknown_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.nii does not exist"):
        volumes.read_volume(tmp_path / "gone.nii")
    (tmp_path / "ct.txt").write_text("x")
    with pytest.raises(UserError, match=r"ct\.txt is in a format"):
        volumes.read_volume(tmp_path / "ct.txt")


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha", "IM0001"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=rf"{name} is not a regular file but a device, a pipe or a socket"):
        volumes.read_stored(tmp_path / name)


def test_a_file_that_may_not_be_read_is_said_as_such(tmp_path, ct, monkeypatch):
    path = save(tmp_path / "ct.nii", ct)

    def locked(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(path), "open", locked)  # root may read all
    with pytest.raises(UserError, match=r"ct\.nii cannot be read \(Permission denied\): choose a file that you may"):
        volumes.read_stored(path)


@pytest.mark.parametrize(("name", "content"), [("a.dcm", b"x"), ("IM0001", bytes(128) + b"DICM")])
def test_a_file_called_dicom_that_is_none_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is not a DICOM file that says what it holds: get or export it again"):
        volumes.read_stored(tmp_path / name)


def test_only_segmentations_name_their_labels(tmp_path, ct):
    labels = np.ones(ct.voxels.shape, np.uint8)
    for name, expected in (("a.seg.nrrd", {1: "liver", 2: "liver lesion"}), ("a.nrrd", {}), ("a.nii", {})):
        volumes.write_labels(tmp_path / name, labels, ct)
        assert volumes.segment_names(tmp_path / name) == expected


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)], ids=["slices first", "slices last"])
@pytest.mark.parametrize("ending", [".nii", ".nrrd"])
def test_damaged_axial_slices_are_interpolated_on_wish_and_said(tmp_path, ct, axes, ending):
    volume = reordered(ct, axes, (True, False, False))
    expected = volume.axial.of(volume.voxels).astype(np.float32)
    hurt = volume.voxels.astype(np.float32)
    seen = volume.axial.of(hurt)
    seen[4], seen[7], seen[0] = np.nan, 0, np.inf
    path = save(tmp_path / f"ct{ending}", Volume(hurt, volume.affine))
    with pytest.raises(UserError, match=r"NaN or infinite: .*--damaged interpolate"):
        volumes.read_volume(path)
    read = volumes.read_volume(path, damaged=DamageTreatment.INTERPOLATE)
    expected[0], expected[4], expected[7] = expected[1], expected[[3, 5]].mean(0), expected[[6, 8]].mean(0)
    assert read.axial.of(read.voxels) == pytest.approx(expected, abs=0.6)
    sentence = "Damaged slices were interpolated, counted from the feet: 1, 5 (NaN or infinite); 8 (a single number)."
    assert read.warnings[0] == sentence
    assert sum("amaged" in warning or "repeat" in warning for warning in read.warnings) == 1


def test_a_scaled_file_is_interpolated_in_its_own_numbers(tmp_path, ct):
    stored = ct.voxels.astype(np.uint16) + 2048
    stored[5] = 0
    image = nibabel.Nifti1Image(stored.transpose(2, 1, 0), ct.affine)
    image.header.set_slope_inter(1, -2048)
    path = tmp_path / "ct.nii"
    path.write_bytes(image.to_bytes())
    read = volumes.read_volume(path, damaged=DamageTreatment.INTERPOLATE)
    assert read.voxels[5] == pytest.approx(ct.voxels[[4, 6]].mean(0), abs=0.6)
    assert np.array_equal(np.delete(read.voxels, 5, 0), np.delete(ct.voxels, 5, 0))


def test_slices_cannot_be_left_out_of_a_volume(tmp_path, ct):
    with pytest.raises(UserError, match="Every slice of .* use --damaged interpolate"):
        volumes.read_volume(save(tmp_path / "ct.nii", ct), damaged=DamageTreatment.LEAVE_OUT)


def test_a_series_is_not_chosen_from_a_file(tmp_path, ct):
    nifti.write_volume(tmp_path / "ct.nii", ct)
    with pytest.raises(UserError, match=r"ct\.nii is a file, which has no series"):
        volumes.read_volume(tmp_path / "ct.nii", series="1.2.3")
