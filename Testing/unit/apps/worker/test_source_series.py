"""A client's CT is told from others by where its slices lie, or by its voxels."""

from dataclasses import replace

import numpy as np
import pytest
from support import dicom_slices

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
