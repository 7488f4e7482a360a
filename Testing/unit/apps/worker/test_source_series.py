"""A client's CT is told from others by where its slices lie, or by its voxels."""

from dataclasses import replace

import numpy as np
import pytest
from support import dicom_slices, enhanced_dicom

from LiverTumorSegLib.apps.worker.source_series import with_images
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import volumes


@pytest.fixture
def files(tmp_path):
    return dicom_slices.write(dicom_slices.plain(), tmp_path / "series")


@pytest.fixture
def series(files):
    return volumes.read_volume(files[0].parent, force=True)


def loaded(series, **fields):
    """The CT as another program hands it over: without its files."""
    return replace(series, **{"images": ()} | fields)


def test_each_slice_gets_the_image_that_it_comes_from(files, series):
    found = with_images(loaded(series), files[::-1])
    assert found.images == series.images
    assert np.array_equal(found.voxels, series.voxels)


def test_slices_in_the_other_order_get_their_own_images(files, series):
    back = np.eye(4)
    back[2, 2], back[2, 3] = -1, len(files) - 1
    turned = Volume(series.voxels[::-1], series.affine @ back)
    found = with_images(turned, files)
    assert found.images == series.images[::-1]
    assert np.allclose(found.affine, turned.affine)


@pytest.mark.parametrize("step", [1, -1])
def test_a_ct_that_was_straightened_is_known_by_its_voxels(files, series, step):
    tilted = series.affine.copy()
    tilted[1, 2] += 3.0
    found = with_images(loaded(series, affine=tilted, voxels=series.voxels[::step]), files)
    assert found.images == series.images[::step]
    assert not np.allclose(found.affine, tilted)


@pytest.mark.parametrize("change", ["cropped", "elsewhere and edited"])
def test_a_ct_that_is_another_by_now_is_refused(files, series, change):
    if change == "cropped":
        other = loaded(series, voxels=series.voxels[1:])
    else:
        other = loaded(series, voxels=series.voxels + np.int16(1), affine=series.affine + np.eye(4)[3] * 9)
    with pytest.raises(UserError, match="not slice by slice its DICOM series any more"):
        with_images(other, files)


@pytest.mark.parametrize("step", [1, -1])
def test_slices_of_an_enhanced_ct_get_their_frames(tmp_path, step):
    file = enhanced_dicom.write(enhanced_dicom.enhanced(dicom_slices.plain()[::-1]), tmp_path / "ct.dcm")
    read = volumes.read_volume(file, force=True)
    back = np.eye(4)
    back[2, 2], back[2, 3] = step, 0 if step > 0 else len(read.frames) - 1
    found = with_images(Volume(read.voxels[::step], read.affine @ back), [file] * 6)
    assert found.images == (file,) * 6
    assert found.frames == (6, 5, 4, 3, 2, 1)[::step]


def test_of_two_stacks_at_one_place_the_right_one_is_told_by_its_voxels(tmp_path):
    slices = [*dicom_slices.plain(), *dicom_slices.plain(seed=8)]
    one = enhanced_dicom.enhanced(slices, ["1"] * 6 + ["2"] * 6)
    file = enhanced_dicom.write(one, tmp_path / "ct.dcm")
    read = volumes.read_volume(file, series="stack2", force=True)
    assert with_images(loaded(read, frames=()), [file]).frames == (7, 8, 9, 10, 11, 12)
