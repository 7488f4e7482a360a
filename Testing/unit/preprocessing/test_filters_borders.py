import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from LiverTumorSegLib.preprocessing.filters import mirrored_positions, pad_mirrored

CPU = torch.device("cpu")


@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 30))
def test_positions_are_mirrored_as_numpy_does(count, before, after):
    expected = np.pad(np.arange(count), (before, after), mode="reflect")
    assert mirrored_positions(count, before, after, CPU).tolist() == expected.tolist()


@pytest.mark.parametrize(("size", "margin"), [((5, 8), 2), ((2, 9), 2), ((1, 1), 3), ((3, 4), 9)])
def test_a_border_is_mirrored_on_every_side_however_wide(size, margin):
    planes = np.random.default_rng(0).random((2, *size), np.float32)
    expected = np.pad(planes, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    assert np.array_equal(pad_mirrored(torch.from_numpy(planes), margin).numpy(), expected)
