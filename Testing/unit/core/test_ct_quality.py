from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import interp1d

from LiverTumorSegLib.core.ct_quality import (
    Damage,
    DamageReason,
    DamageTreatment,
    find_damaged_slices,
    interpolate_damaged_slices,
)
from LiverTumorSegLib.core.errors import UserError

CT = Path("ct.nii")


@pytest.fixture
def scan():
    """Noise, padded by two slices of air at the feet and one at the head: slices 2 to 10 show something."""
    values = np.random.default_rng(0).normal(0, 200, (12, 16, 20)).astype(np.float32)
    values[:2] = values[-1] = -1024
    return values


def mended(scan):
    values = scan.copy()
    interpolate_damaged_slices(values, find_damaged_slices(values), CT)
    return values


def test_a_sound_scan_with_padded_ends_has_no_damage(scan):
    assert find_damaged_slices(scan) == Damage()
    assert find_damaged_slices(scan).in_words() == ""
    assert np.array_equal(mended(scan), scan)


def test_each_kind_of_damage_is_found_where_it_is(scan):
    scan[3, 5, 6] = np.inf
    scan[5] = 0
    scan[7] = scan[6]
    scan[10] = np.nan
    assert find_damaged_slices(scan).reasons == {
        3: DamageReason.NOT_FINITE,
        5: DamageReason.CONSTANT,
        7: DamageReason.REPEATED,
        10: DamageReason.NOT_FINITE,
    }


def test_slices_that_differ_in_one_voxel_are_no_damage(scan):
    scan[7] = scan[6]
    scan[7, 1, 1] += 1
    scan[4] = 0
    scan[4, 3, 2] = 1
    assert find_damaged_slices(scan) == Damage()


@pytest.mark.parametrize("lost", [[4], [4, 5, 6], [3, 5, 8]])
def test_lost_slices_lie_on_the_line_between_their_neighbours(scan, lost):
    kept = [n for n in range(2, 11) if n not in lost]
    expected = interp1d(kept, scan[kept], axis=0)(lost)
    scan[lost] = np.nan
    assert mended(scan)[lost] == pytest.approx(expected, abs=1e-3)


def test_integers_are_rounded():
    values = np.array([[[0, -5, 9]], [[7, 7, 7]], [[7, 7, 7]], [[1, -1, 2]]], np.int16)
    assert mended(values).tolist() == [[[0, -5, 9]], [[0, -4, 7]], [[1, -2, 4]], [[1, -1, 2]]]


def test_the_last_slices_that_show_something_are_stood_in_for_by_the_nearest(scan):
    scan[2] = scan[3] = np.nan
    scan[10] = np.inf
    repaired = mended(scan)
    assert np.array_equal(repaired[2], scan[4])
    assert np.array_equal(repaired[3], scan[4])
    assert np.array_equal(repaired[10], scan[9])
    assert (repaired[:2] == -1024).all()


def test_what_was_measured_in_a_slice_that_lost_some_voxels_stays(scan):
    scan[5, :8] = np.nan
    repaired = mended(scan)
    assert np.array_equal(repaired[5, 8:], scan[5, 8:])
    assert repaired[5, :8] == pytest.approx((scan[4, :8] + scan[6, :8]) / 2, abs=1e-3)


def test_a_run_of_repeated_slices_becomes_a_slope(scan):
    scan[5] = scan[6] = scan[4]
    repaired = mended(scan)
    assert np.array_equal(repaired[4], scan[4])
    assert repaired[5] == pytest.approx((2 * scan[4] + scan[7]) / 3, abs=1e-3)
    assert repaired[6] == pytest.approx((scan[4] + 2 * scan[7]) / 3, abs=1e-3)


def test_a_view_is_mended_in_the_array_it_shows(scan):
    stored = np.ascontiguousarray(scan[::-1].transpose(2, 0, 1))
    stored[:, 5] = np.nan
    view = stored.transpose(1, 2, 0)[::-1]
    interpolate_damaged_slices(view, find_damaged_slices(view), CT)
    assert np.isfinite(stored).all()


def test_where_no_slice_is_whole_the_file_is_named(scan):
    scan[:, 0, 0] = np.nan
    with pytest.raises(UserError, match=r"ct\.nii has no whole slice to interpolate from"):
        interpolate_damaged_slices(scan, find_damaged_slices(scan), CT)


def test_one_sentence_says_which_slices_why_and_what_was_done():
    damage = Damage(
        {
            2: DamageReason.CONSTANT,
            3: DamageReason.CONSTANT,
            4: DamageReason.REPEATED,
            6: DamageReason.CONSTANT,
            8: DamageReason.NOT_FINITE,
        }
    )
    listed = "counted from the feet: 3-4, 7 (a single number); 5 (repeats its neighbour); 9 (NaN or infinite)."
    assert damage.in_words() == f"Damaged slices, {listed}"
    assert damage.in_words(DamageTreatment.INTERPOLATE) == f"Damaged slices were interpolated, {listed}"
    assert damage.in_words(DamageTreatment.LEAVE_OUT) == f"Damaged slices were left out, {listed}"


def test_many_slices_are_not_all_named_in_the_sentence():
    damage = Damage(dict.fromkeys(range(0, 12, 2), DamageReason.REPEATED))
    assert damage.in_words().endswith(": 1, 3, 5, 7, 9 and others (repeats its neighbour).")


def test_an_unknown_treatment_is_refused_with_those_there_are():
    assert DamageTreatment.of("interpolate") is DamageTreatment.INTERPOLATE
    assert DamageTreatment.of("leave-out", whole=False) is DamageTreatment.LEAVE_OUT
    for word in ("mend", "leave-out"):
        with pytest.raises(UserError, match=rf"“{word}” is not a way to treat .*: choose as-is or interpolate\.$"):
            DamageTreatment.of(word)
    with pytest.raises(UserError, match="“mend” is not a way to treat .*: choose as-is or interpolate or leave-out"):
        DamageTreatment.of("mend", whole=False)
