import numpy as np
import pytest
import torch

from LiverTumorSegLib.preprocessing.histogram import count_values, look_up

INDEX = np.random.default_rng(0).integers(0, 7, (3, 20, 11))


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_values_are_counted_in_each_slice(dtype):
    counts = count_values(torch.from_numpy(INDEX).to(dtype), 9)
    assert counts.tolist() == [np.bincount(plane.ravel(), minlength=9).tolist() for plane in INDEX]


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_each_slice_is_looked_up_in_its_own_table(dtype):
    tables = np.random.default_rng(1).random((3, 7), np.float32)
    found = look_up(torch.from_numpy(tables), torch.from_numpy(INDEX).to(dtype))
    assert np.array_equal(found.numpy(), np.stack([t[i] for t, i in zip(tables, INDEX, strict=True)]))


def test_what_is_looked_up_can_be_written_somewhere():
    out = torch.empty(1, 3)
    look_up(torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([[2, 0, 1]]), out)
    assert out.tolist() == [[7.0, 5.0, 6.0]]


def test_a_single_slice_has_its_table():
    assert look_up(torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([[[2, 0, 1]]])).tolist() == [[[7.0, 5.0, 6.0]]]
