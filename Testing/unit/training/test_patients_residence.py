import numpy as np
import pytest
import torch
from support.training_cases import patient

from LiverTumorSegLib.training.patients import free_device_bytes, move_to_device

META = torch.device("meta")


def patients():
    labels = np.zeros((2, 8, 8), np.uint8)
    labels[1, 2:6, 2:6] = 2
    return [patient(labels, name=name) for name in "ab"]


SIZE = 2 * 2 * 8 * 8 * 2
"""Of the float16 slices of both."""


def test_slices_go_where_they_fit_and_labels_stay():
    told = []
    first, _ = move_to_device(patients(), META, 2 * SIZE, told.append)
    assert told == ["The slices (less than 1 MB) are kept on meta."]
    assert first.pixels.device == META
    assert first.labels.device.type == "cpu"
    assert first.overview.shown.tolist() == [0, 2]  # known, since it cannot be looked up there


def test_slices_that_are_too_many_stay_in_the_hosts_memory():
    told, those = [], patients()
    kept = move_to_device(those, META, 2 * SIZE - 1, told.append)
    assert told == ["The slices (less than 1 MB) stay in the host's memory: meta has less than 1 MB free."]
    assert all(one is other for one, other in zip(kept, those, strict=True))


def test_on_the_cpu_there_is_nothing_to_choose():
    told, those = [], patients()
    assert free_device_bytes(torch.device("cpu")) == 0
    assert move_to_device(those, torch.device("cpu"), 0, told.append)[0] is those[0]
    assert told == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_of_slices_on_a_gpu_are_those_of_the_host(tmp_path):
    from support.training_cases import recipe_with

    from LiverTumorSegLib.training.input_mode import input_mode_of

    plan, there = recipe_with(tmp_path), torch.device("cuda:0")
    near = move_to_device(patients(), there, free_device_bytes(there), lambda _: None)
    ours, theirs = (next(iter(input_mode_of(plan).sampler(plan, those, 0))) for those in (near, patients()))
    assert ours["slices"].device == there
    assert torch.equal(ours["slices"].cpu(), theirs["slices"])
    assert torch.equal(ours["labels"], theirs["labels"])
