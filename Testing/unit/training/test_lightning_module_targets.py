import pytest
import torch

from LiverTumorSegLib.training.lightning_module import class_targets


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (("background", "liver", "lesion"), [0, 1, 2]),
        (("background", "liver"), [0, 1, 1]),
        (("background", "lesion"), [0, 0, 1]),
    ],
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_label_values_become_the_numbers_of_the_classes(wanted, numbers, dtype):
    got = class_targets(torch.tensor([[0, 1, 2], [2, 1, 0]], dtype=dtype), wanted)
    assert got.tolist() == [numbers, numbers[::-1]]
    assert got.dtype == dtype
