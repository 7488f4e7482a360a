import numpy as np
import pytest
import torch
from support.click_training import patient

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.clicks.patches import Patch, cut
from LiverTumorSegLib.training.clicks.lesions import ClickPatient, click_patients


def test_every_connected_part_is_a_lesion_of_its_own():
    lesions = ClickPatient(patient(), 1.0).lesions
    assert [int(each.mask.sum()) for each in lesions] == [8 * 20 * 20, 4 * 4 * 4]
    assert [each.size for each in lesions] == [2, 0]
    assert lesions[1].extent_mm == (8.0, 4.0, 4.0)


def test_a_diameter_is_that_of_the_ball_of_its_volume():
    (_, small) = ClickPatient(patient(), 1.0).lesions
    assert small.diameter_mm == pytest.approx((6 / np.pi * 4 * 4 * 8) ** (1 / 3))


def test_slices_that_are_no_neighbours_do_not_connect():
    whole = patient()
    apart = patient(numbers=np.concatenate([np.arange(22), 100 + np.arange(22, 40)]))
    assert len(ClickPatient(apart, 1.0).lesions) == len(ClickPatient(whole, 1.0).lesions) + 1


def test_a_lesion_s_mask_lies_where_the_lesion_is():
    one = ClickPatient(patient(), 1.0)
    around = Patch(one.millimetres(21.5, 23.5, 27.5), (10, 12, 12), (2.0, 1.0, 1.0))
    mask = cut(one.mask_slab(one.lesions[1]), around).numpy() > 0.5
    assert mask.sum() == 4**3
    assert mask[3:7, 4:8, 4:8].all()


def test_the_liver_s_median_leaves_lesions_out():
    assert ClickPatient(patient(), 1.0).liver_median == pytest.approx(180 / 255)
    assert ClickPatient(patient(labels=torch.zeros(40, 64, 72, dtype=torch.uint8)), 1.0).liver_median == 0.5


def test_a_person_in_two_folders_is_one():
    both = click_patients([patient("volume-3"), patient("volume-3"), patient("liver_4")], 1.0)
    assert sorted(len(each) for each in both.values()) == [1, 2]


def test_who_cannot_be_clicked_into_is_left_out():
    people = click_patients([patient("a"), patient("b", lesions_apart=False), patient("c", slice_mm=None)], 1.0)
    assert list(people) == ["a"]


def test_without_a_lesion_or_a_spacing_there_is_nothing_to_click_into():
    with pytest.raises(UserError, match="No training patient shows a lesion"):
        click_patients([patient(labels=torch.ones(40, 64, 72, dtype=torch.uint8))], 1.0)
    with pytest.raises(UserError, match="add the step resample"):
        click_patients([patient()], None)
