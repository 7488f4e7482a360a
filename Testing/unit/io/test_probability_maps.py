import nibabel
import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import probability_maps
from LiverTumorSegLib.io.volumes import read_stored

CERTAIN = 2**15


@pytest.fixture
def levels(ct):
    return {"liver": np.random.default_rng(0).integers(0, CERTAIN + 1, ct.voxels.shape).astype(np.uint16)}


def test_what_is_written_is_read_as_probabilities_on_the_cts_grid(ct, levels, tmp_path):
    levels["liver"].flat[:2] = 0, CERTAIN
    paths = probability_maps.paths(tmp_path / "new", "volume-3", levels)
    probability_maps.write(paths, levels, CERTAIN, ct)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["volume-3_liver.nii.gz"]
    image = nibabel.load(paths["liver"])
    assert image.get_data_dtype() == np.uint16
    assert image.affine == pytest.approx(ct.affine, abs=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"
    found = image.get_fdata().transpose(2, 1, 0)
    assert np.array_equal(found, levels["liver"] / CERTAIN)
    assert found.flat[:2].tolist() == [0, 1]
    stored = read_stored(paths["liver"])
    assert np.array_equal(stored.values * stored.slope + stored.intercept, found)


def test_the_qform_and_the_sform_say_the_same(ct, levels, tmp_path):
    paths = probability_maps.paths(tmp_path, "a", levels)
    probability_maps.write(paths, levels, CERTAIN, ct)
    image = nibabel.load(paths["liver"])
    assert image.get_qform() == pytest.approx(image.get_sform(), abs=1e-4)
    assert (image.get_qform(coded=True)[1], image.get_sform(coded=True)[1]) == (1, 1)


def test_nothing_is_replaced_unasked(ct, levels, tmp_path):
    paths = probability_maps.paths(tmp_path, "a", levels)
    paths["liver"].write_text("mine")
    for refused in (
        lambda: probability_maps.check(paths.values()),
        lambda: probability_maps.write(paths, levels, CERTAIN, ct),
    ):
        with pytest.raises(UserError, match="a_liver.nii.gz exists already"):
            refused()
    assert paths["liver"].read_text() == "mine"
    probability_maps.check(paths.values(), overwrite=True)
    probability_maps.write(paths, levels, CERTAIN, ct, overwrite=True)
    assert nibabel.load(paths["liver"]).shape == ct.voxels.shape[::-1]


def test_a_folder_that_cannot_be_made_is_known_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        probability_maps.check([tmp_path / "file" / "a_liver.nii.gz"])


def test_a_file_that_fails_is_not_there(ct, tmp_path, monkeypatch, levels):
    def fail(image, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nibabel, "save", fail)
    with pytest.raises(UserError, match="No space left"):
        probability_maps.write(probability_maps.paths(tmp_path, "a", levels), levels, CERTAIN, ct)
    assert not list(tmp_path.iterdir())


def test_a_tilted_ct_is_refused_in_words(ct):
    affine = ct.affine.copy()
    affine[1, 2] = 0.5
    probability_maps.check_grid(ct)
    with pytest.raises(UserError, match="gantry tilt"):
        probability_maps.check_grid(Volume(ct.voxels, affine))
