from pathlib import Path

import numpy as np
import pytest

from LiverTumorSegLib.core.ct_quality import to_int16, why_not_hounsfield
from LiverTumorSegLib.core.errors import UserError

CT = Path("ct.nii")


def test_int16_is_passed_on_without_a_copy():
    stored = np.zeros((2, 3, 4), np.int16)
    assert to_int16(stored, CT) is stored


def test_big_endian_and_scaled_numbers_become_hounsfield_units():
    assert to_int16(np.full((1, 1, 1), 7, ">i2"), CT).dtype.isnative
    assert to_int16(np.full((1, 1, 1), 1064, np.uint16), CT, intercept=-1024)[0, 0, 0] == 40
    assert to_int16(np.full((1, 1, 1), 20.4), CT, slope=2)[0, 0, 0] == 41


def test_what_int16_cannot_hold_is_clipped():
    assert to_int16(np.array([[[1e6, -1e6]]]), CT).tolist() == [[[32767, -32768]]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_voxel_that_is_not_finite_is_refused(bad):
    with pytest.raises(UserError, match=r"ct\.nii holds voxels that are NaN or infinite"):
        to_int16(np.array([[[0.0, bad]]]), CT)


def _noise(low, high):
    return np.random.default_rng(0).uniform(low, high, (8, 32, 32)).astype(np.int16)


@pytest.mark.parametrize(
    "voxels",
    [_noise(-1000, 1500), _noise(-40, 160), np.full((3, 4, 5), -1000, np.int16), np.zeros((3, 4, 5), np.int16)],
    ids=["CT", "clipped to a window", "air", "constant"],
)
def test_what_may_be_hounsfield_units_passes(voxels):
    assert why_not_hounsfield(voxels) is None


def _padded(voxels):
    """A scanner's square around its round field of view."""
    padded = voxels.copy()
    padded[:, :8] = -1024
    return padded


@pytest.mark.parametrize("voxels", [_noise(0, 1200), _noise(24, 3000)], ids=["MR", "shifted"])
def test_padding_does_not_hide_what_is_wrong(voxels):
    assert why_not_hounsfield(_padded(voxels))
    assert why_not_hounsfield(_padded(_noise(-1000, 1500))) is None


@pytest.mark.parametrize(
    "voxels", [_noise(0, 1200), _noise(24, 3000), _noise(0, 255), _noise(-3, 4)], ids=["MR", "shifted", "8 bit", "z"]
)
def test_what_cannot_be_hounsfield_units_is_doubted(voxels):
    assert why_not_hounsfield(voxels)
