import numpy as np
import pytest
import torch
from support.counted_operations import Counting

from LiverTumorSegLib.training.augmentation.sending import send_each, send_together

ARRAYS = [
    np.arange(count, dtype=np.float32).reshape(shape) for count, shape in ((6, (2, 3)), (2, (2,)), (8, (2, 2, 2)))
]
META = torch.device("meta")


def test_on_a_cpu_nothing_is_copied():
    there = send_together(ARRAYS, torch.device("cpu"))
    assert [there(array).data_ptr() for array in ARRAYS] == [array.ctypes.data for array in ARRAYS]


def test_all_arrays_go_in_one_piece_and_come_out_in_their_shapes():
    with Counting() as counting:
        there = send_together(ARRAYS, META)
        sent = [there(array) for array in ARRAYS]
    assert counting.seen["upload"] == 1
    assert [tuple(values.shape) for values in sent] == [array.shape for array in ARRAYS]


def test_what_was_not_sent_cannot_be_asked_for():
    there = send_together(ARRAYS, META)
    with pytest.raises(KeyError):
        there(ARRAYS[0].copy())


def test_a_cuda_gpu_fetches_them_from_pinned_memory_by_itself(monkeypatch):
    """The “GPU” is the host's memory, and is given what is pinned alone."""
    asked, real = [], torch.Tensor.to

    def to(tensor, device, **how):
        asked.append((device, how))
        return real(tensor, "cpu") + 100

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 10)
    monkeypatch.setattr(torch.Tensor, "to", to)
    there = send_together(ARRAYS, torch.device("cuda:0"))
    assert all(np.array_equal(there(array).numpy(), array + 110) for array in ARRAYS)
    assert asked == [(torch.device("cuda:0"), {"non_blocking": True})]


def test_each_by_itself_is_sent_when_it_is_asked_for():
    with Counting() as counting:
        there = send_each(META)
        assert counting.seen["upload"] == 0
        assert there(ARRAYS[0]).device == META
    assert counting.seen["upload"] == 1
