"""Minima and maxima commute with thresholds: a network that is right for zeros and ones is right for all values."""

from itertools import product

import numpy as np
import pytest
import torch

from LiverTumorSegLib.preprocessing.filters import _sorted, median_of_squares, median_of_values


def all_binary(count):
    return torch.tensor(list(product((0, 1), repeat=count)), dtype=torch.uint8)


@pytest.mark.parametrize("count", [3, 5, 7, 9, 13])
def test_the_middle_of_any_zeros_and_ones_is_what_most_are(count):
    values = all_binary(count)
    assert torch.equal(median_of_values(list(values.unbind(1))), (values.sum(1) > count // 2).to(torch.uint8))


@pytest.mark.parametrize("count", [3, 5])
def test_any_zeros_and_ones_are_sorted(count):
    values = all_binary(count)
    assert torch.equal(torch.stack(_sorted(list(values.unbind(1))), dim=1), values.sort(dim=1).values)


def test_every_square_of_3_x_3_zeros_and_ones_has_its_median():
    squares = all_binary(9).view(-1, 3, 3)
    assert torch.equal(median_of_squares(squares, 3).flatten(), (squares.sum((1, 2)) > 4).to(torch.uint8))


def test_every_square_of_5_x_5_zeros_and_ones_with_sorted_columns_has_its_median():
    ones = np.array(list(product(range(6), repeat=5)))  # in each column; the columns are sorted first, in any case
    squares = torch.from_numpy((np.arange(5)[None, :, None] >= 5 - ones[:, None, :]).astype(np.uint8))
    assert torch.equal(median_of_squares(squares, 5).flatten(), (squares.sum((1, 2)) > 12).to(torch.uint8))
