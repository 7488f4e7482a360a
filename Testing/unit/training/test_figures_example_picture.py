import numpy as np
import pytest
import torch
from support.training_cases import patient

from LiverTumorSegLib.training.figures import _as_hounsfield, draw_examples, telling_slice


def labels(*areas):
    made = np.zeros((len(areas), 20, 30), np.uint8)
    for one, (liver, lesion) in zip(made, areas, strict=True):
        one.flat[:liver] = 1
        one.flat[:lesion] = 2
    return made


def test_the_slice_with_the_most_lesion_is_shown_else_that_with_the_most_liver():
    assert telling_slice(patient(labels((9, 0), (50, 3), (20, 5), (5, 0)))) == 2
    assert telling_slice(patient(labels((9, 0), (50, 0), (20, 0)))) == 1


def test_a_slice_is_a_row_of_image_reference_and_prediction():
    shown = patient(labels((300, 40)), torch.full((1, 20, 30), 0.5))
    nothing = np.zeros((20, 30), np.uint8)
    one = draw_examples([(shown, 0, nothing)])
    two = draw_examples([(shown, 0, nothing), (shown, 0, shown.labels[0].numpy())])
    assert one.width == two.width
    assert two.height > 2 * one.height
    image, reference, prediction = np.array_split(np.asarray(one)[30:], 3, axis=1)
    coloured = [bool((np.ptp(part.astype(int), axis=2) > 20).any()) for part in (image, reference, prediction)]
    assert coloured == [False, True, False]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 5.0)])
def test_values_are_shown_from_black_to_white(low, high):
    greys = torch.linspace(low, high, 600).reshape(1, 20, 30)
    shown = _as_hounsfield(patient(labels((0, 0)), greys), 0)
    assert (shown.min(), shown.max()) == (-140, 260)
    assert abs(int(np.median(shown)) - 60) <= 1
