import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training.losses import median_frequency


def test_weights_are_the_median_frequency_by_the_own_one_of_slices_that_show_the_class():
    first, second = torch.zeros(2, 4, 5, dtype=torch.uint8), torch.zeros(1, 10, 10, dtype=torch.uint8)
    first[0, 0], first[0, 1, :2] = 1, 2  # 5 of 20 pixels and 2 of 20; the other slice has neither
    second[0, :2] = 1  # 20 of 100
    background, liver, lesion = (13 + 20 + 80) / 140, 25 / 120, 2 / 20
    assert median_frequency([first, second], 3) == pytest.approx([liver / background, 1, liver / lesion])


def test_of_two_classes_the_median_is_in_the_middle_of_both():
    labels = torch.tensor([[[0, 0, 0, 1]]])
    assert median_frequency([labels], 2) == pytest.approx([0.5 / 0.75, 0.5 / 0.25])


def test_a_class_that_occurs_nowhere_is_named():
    with pytest.raises(UserError, match="No training slice shows label 2: median-frequency weights need all 3"):
        median_frequency([torch.tensor([[[0, 1]]])], 3)
