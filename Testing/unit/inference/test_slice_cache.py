import numpy as np
import pytest
import torch
from support.models import describe

from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.inference import slice_cache
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.models.description import NetworkSpec, SliceStack
from LiverTumorSegLib.preprocessing import Chain

CPU = DevicePlacement(torch.device("cpu"), torch.float32, 4)


def store(view, stack, spacing=(1.5, 1.0, 1.0), chain=()):
    spec = NetworkSpec(name="unet", in_channels=stack.slices)
    description = describe(network=spec, stack=stack, preprocessing=Chain.model_validate(list(chain)))
    return SliceCache(view, spacing, description, CPU)


@pytest.fixture
def numbered():
    """Slices that hold their own number."""
    return np.arange(9, dtype=np.int16)[:, None, None] * np.ones((1, 4, 6), np.int16)


def test_neighbours_are_as_far_apart_as_the_model_says_and_the_last_slice_repeats(numbered):
    channels = store(numbered, SliceStack(slices=3, spacing_mm=3.0)).channels([0, 4, 8], CPU)
    assert channels[..., 0, 0].tolist() == [[0, 0, 2], [2, 4, 6], [6, 8, 8]]


def test_a_single_slice_is_its_own_channel(numbered):
    assert store(numbered, SliceStack()).channels(range(9), CPU)[:, 0, 0, 0].tolist() == list(range(9))


def test_slices_are_preprocessed_once(numbered, monkeypatch):
    seen = []
    kept = store(numbered, SliceStack(slices=3, spacing_mm=1.5))
    monkeypatch.setattr(kept, "_preprocess", lambda n, run=kept._preprocess: (seen.extend(n.tolist()), run(n))[1])
    for centre in (0, 1, 2, 1, 8):
        kept.channels([centre], CPU)
    assert sorted(seen) == [0, 1, 2, 3, 7, 8]


def test_size_and_spacing_are_those_after_preprocessing(numbered):
    resampled = store(numbered, SliceStack(), (1.5, 1.0, 1.0), [{"step": "resample", "spacing_mm": 2.0}])
    assert resampled.size == (2, 3)
    assert resampled.spacing == (2.0, 2.0)


def test_slices_move_when_the_placement_does(numbered):
    kept = store(numbered, SliceStack())
    kept.channels([1], CPU)
    moved = kept.channels([1, 2], DevicePlacement(torch.device("cpu"), torch.bfloat16, 1))
    assert moved.dtype == torch.bfloat16
    assert moved[:, 0, 0, 0].tolist() == [1, 2]


def test_a_crop_says_where_its_pixels_lie():
    view = np.full((5, 40, 60), -1000, np.int16)
    view[:, 10:30, 20:50] = 40
    steps = [{"step": "crop_to_body", "margin_mm": 2.0}, {"step": "resample", "spacing_mm": 2.0}]
    cropped = store(view, SliceStack(), (1.5, 1.0, 1.0), steps)
    rows, columns = cropped.axes
    assert cropped.size == (12, 17)
    assert (rows.own, rows.step, rows.origin) == (40, 2.0, 8.0)
    assert (columns.own, columns.step, columns.origin) == (60, 2.0, 18.0)


def test_several_channels_a_slice_follow_each_other_slice_by_slice(numbered):
    windows = [[{"step": "window", "level": 0, "width": width}] for width in (20, 200)]
    spec = NetworkSpec(name="unet", in_channels=6)
    chain = Chain.model_validate([{"step": "channels", "chains": windows}])
    description = describe(network=spec, stack=SliceStack(slices=3, spacing_mm=1.5), preprocessing=chain)
    channels = SliceCache(numbered, (1.5, 1.0, 1.0), description, CPU).channels([4], CPU)[0, :, 0, 0]
    expected = [value for n in (3, 4, 5) for value in (0.5 + n / 20, 0.5 + n / 200)]
    assert channels.tolist() == pytest.approx(expected)


def test_a_cuda_gpu_fetches_slices_from_pinned_memory_without_a_wait(monkeypatch):
    seen = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda slices: seen.append("pinned") or slices)
    monkeypatch.setattr(torch.Tensor, "to", lambda slices, device, **given: seen.append((device.type, given)) or slices)
    chosen = torch.zeros(2, 3)
    slice_cache._upload(chosen, torch.device("cuda:0"))
    assert seen == ["pinned", ("cuda", {"non_blocking": True})]
    seen.clear()
    slice_cache._upload(chosen, torch.device("cpu"))
    assert seen == [("cpu", {})]


def test_numbers_of_slices_go_to_the_gpu_as_the_slices_do(numbered, monkeypatch):
    seen = []
    kept = store(numbered, SliceStack(slices=3, spacing_mm=1.5))
    monkeypatch.setattr(slice_cache, "_upload", lambda chosen, place: seen.append(chosen.dtype) or chosen.to(place))
    kept.channels([0, 1], CPU)
    assert seen == [torch.int16, torch.int64, torch.int64]
