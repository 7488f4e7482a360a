import numpy as np
import pytest
from support.click_training import LARGE, SMALL, patient

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets.automatic_maps import read_levels, with_maps
from LiverTumorSegLib.io import probability_maps

AFFINE = np.diag([-0.5, -0.5, 2.0, 1.0])  # half of the patient's pixels


def write_map(folder, name="a", *, slices=np.s_[:], affine=AFFINE):
    """Where the patient has lesions the map says 0.8, at twice the pixels."""
    likely = np.zeros((40, 128, 144), np.uint16)
    for deep, rows, columns in (SMALL, LARGE):
        likely[deep, rows.start * 2 : rows.stop * 2, columns.start * 2 : columns.stop * 2] = 0.8 * FULL_PROBABILITY
    likely = likely[slices]
    volume = Volume(np.zeros(likely.shape, np.int16), affine)
    files = probability_maps.paths(folder, name, ["lesion"])
    probability_maps.write(files, {"lesion": likely}, FULL_PROBABILITY, volume)
    return likely


def test_a_map_lies_on_the_pixels_of_the_preprocessed_slices(tmp_path):
    write_map(tmp_path)
    (known,) = with_maps([patient()], tmp_path, 1.0)
    assert known.automatic.known.all()
    inside = known.automatic.levels[10, 34:46, 44:56]
    assert (inside == round(0.8 * 255)).all()
    assert not known.automatic.levels[known.labels == 0].any()


def test_a_map_of_the_evenly_spaced_run_says_of_which_slices_it_is(tmp_path):
    write_map(tmp_path, slices=np.s_[5:])
    numbers = np.array([0, 3, 6, 9, 12, *range(20, 55)])
    (known,) = with_maps([patient(numbers=numbers)], tmp_path, 1.0)
    assert known.automatic.known.tolist() == [False] * 5 + [True] * 35
    assert (known.automatic.levels[10, 34:46, 44:56] == round(0.8 * 255)).all()


def test_who_has_no_map_or_one_of_other_slices_stays_without(tmp_path):
    write_map(tmp_path, slices=np.s_[:30])
    everyone = [patient(), patient("b")]
    assert [each.automatic for each in with_maps(everyone, tmp_path, 1.0)] == [None, None]
    write_map(tmp_path, "wide", affine=np.diag([-0.8, -0.8, 2.0, 1.0]))
    assert with_maps([patient("wide")], tmp_path, 1.0)[0].automatic is None


def test_a_folder_without_any_map_of_the_patients_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no map of a patient"):
        with_maps([patient()], tmp_path, 1.0)


def test_a_measured_patient_s_map_is_read_on_the_grid_of_the_ct(tmp_path):
    likely = write_map(tmp_path)
    assert np.abs(read_levels(tmp_path, "a", likely.shape).astype(int) - likely).max() <= 1
    assert read_levels(tmp_path, "b", likely.shape) is None
    with pytest.raises(UserError, match="not on the grid of a"):
        read_levels(tmp_path, "a", (3, 4, 5))


def test_slices_kept_alone_keep_their_part_of_the_map(tmp_path):
    write_map(tmp_path)
    (known,) = with_maps([patient()], tmp_path, 1.0)
    assert known.only(np.array([1, 2])).automatic.levels.shape[0] == 2
