"""Rules that every step keeps."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from support import preprocessing_cases as cases
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.preprocessing import (
    AnyStep,
    Chain,
    Channels,
    Clahe,
    Crop,
    CropToBody,
    FrequencyHistogram,
    Gaussian,
    HistogramEqualisation,
    HuRange,
    LiverLevel,
    Median,
    MinMax,
    Resample,
    Resize,
    Slices,
    SliceStream,
    Window,
    ZScore,
    named_chains,
)

HU_STEPS = [
    Window(level=30, width=150),
    HuRange(low=-100, high=200),
    LiverLevel(hu=100, median=70),
    MinMax(),
    ZScore(),
    ZScore(over="volume", mean=12.0, deviation=80.0),
    ZScore(over="foreground", mean=100.0, deviation=40.0, low=-20, high=200),
    FrequencyHistogram(),
    FrequencyHistogram(bins=2, over="volume", breaks=((-900.0, -50.0, 40.0, 300.0),)),
    Median(),
    Median(size=5),
    Gaussian(sigma=1.5),
    Resize(height=33, width=47),
    Resample(spacing_mm=3.0),
    Channels(chains=[[Window(level=30, width=150)], [FrequencyHistogram(bins=8)], [Median()]]),
]
GREY_STEPS = [HistogramEqualisation(), Clahe(), Clahe(tiles=3, clip_limit=1, bins=64)]
STEPS = [*HU_STEPS, *GREY_STEPS, Crop(rows=(3, 40), columns=(10, 90))]


def fitting(step, slices):
    return cases.WINDOW(slices) if step in GREY_STEPS else slices


def named(step):
    return "-".join([step.step, *(str(value) for value in step.model_dump(exclude={"step"}).values())])[:60]


every_step = pytest.mark.parametrize("step", STEPS, ids=named)


@every_step
def test_a_batch_is_as_its_slices_one_by_one(step):
    slices = fitting(step, cases.hounsfield("phantom"))
    together = step(slices).pixels
    alone = [step(slices.with_pixels(one)).pixels for one in slices.pixels.split(1)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("step", [step for step in STEPS if not getattr(step, "breaks", None)], ids=named)
def test_channels_are_apart(step):
    slices = fitting(step, cases.hounsfield("phantom"))
    pair = slices.with_pixels(torch.cat([slices.pixels, slices.pixels.flip(0)], dim=1))
    together = step(pair).pixels
    first, second = (step(slices.with_pixels(one)).pixels for one in pair.pixels.split(1, dim=1))
    order = torch.arange(together.shape[1]).view(-1, 2)  # the channels step puts the chains' results one after another
    assert torch.equal(together[:, order[:, 0]], first)
    assert torch.equal(together[:, order[:, 1]], second)


@every_step
def test_the_input_is_left_alone(step):
    slices = fitting(step, cases.hounsfield("phantom"))
    before = slices.pixels.clone()
    step(slices)
    assert torch.equal(slices.pixels, before)


@every_step
def test_equal_slices_give_equal_results_also_in_deterministic_mode(step):
    slices = fitting(step, cases.hounsfield("phantom"))
    once = step(slices).pixels
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(step(slices).pixels, once)
    finally:
        torch.use_deterministic_algorithms(False)


@every_step
def test_slices_need_not_be_contiguous(step):
    slices = fitting(step, cases.hounsfield("phantom"))
    turned = slices.with_pixels(slices.pixels.mT.contiguous().mT)
    torch.testing.assert_close(step(turned).pixels, step(slices).pixels, rtol=1e-5, atol=1e-5)


@every_step
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives(step):
    slices = fitting(step, cases.hounsfield("phantom"))
    torch.use_deterministic_algorithms(True)
    try:
        there = step(slices.with_pixels(slices.pixels.cuda())).pixels.cpu()
    finally:
        torch.use_deterministic_algorithms(False)
    torch.testing.assert_close(there, step(slices).pixels, rtol=1e-4, atol=1e-4)


class NoFloat64(TorchDispatchMode):
    """Refuse float64 on a GPU, as some have none, and of so many numbers or more anywhere."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        for one in tree_leaves(made):
            if isinstance(one, torch.Tensor) and one.dtype == torch.float64:
                assert one.is_cpu, f"{func} made {one.dtype} on {one.device}"
                assert one.numel() < self.numbers, f"{func} made {one.numel()} numbers of {one.dtype}"
        return made


every_device = pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))],
)


@every_device
@pytest.mark.parametrize("chain", [*([step] for step in STEPS), *(entry.chain.root for entry in named_chains())])
def test_no_step_needs_float64(chain, device):
    slices = fitting(chain[0], cases.hounsfield("phantom"))
    slices = slices.with_pixels(slices.pixels.to(device))
    with NoFloat64(1):
        Chain.model_validate(chain)(slices)


@every_device
@pytest.mark.parametrize("step", [ZScore(over="volume"), FrequencyHistogram(over="volume"), CropToBody()], ids=named)
def test_fitting_needs_float64_on_the_cpu_at_most_and_not_for_every_pixel(step, device):
    view = cases.hounsfield("phantom").pixels[:, 0].numpy().astype(np.int16)
    with NoFloat64(view[0].size):
        Chain.model_validate([step]).fitted(view, (1.0, 1.0, 1.0), torch.device(device))


@pytest.mark.parametrize(
    "step",
    [
        ZScore(over="volume", mean=(1, 2), deviation=1),
        ZScore(over="foreground", mean=1, deviation=(1, 2)),
        FrequencyHistogram(bins=1, over="volume", breaks=((0, 1, 2), (0, 1, 3))),
    ],
    ids=named,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_for_other_channels_are_refused_in_one_sentence(step, channels):
    with pytest.raises(UserError, match=f"for 2 channels, and the slices have {channels}:") as caught:
        step(cases.made(2, channels, 4, 5))
    assert "\n" not in str(caught.value)


def test_numbers_may_be_given_once_for_all_channels():
    slices = cases.made(2, 3, 4, 5)
    for step in (
        ZScore(over="volume", mean=1, deviation=2),
        FrequencyHistogram(bins=1, over="volume", breaks=((-100, 0, 90),)),
    ):
        alone = [step(slices.with_pixels(one)).pixels for one in slices.pixels.split(1, dim=1)]
        assert torch.equal(step(slices).pixels, torch.cat(alone, dim=1))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (9, 1), (5, 4)])
@pytest.mark.parametrize("step", [*HU_STEPS, *GREY_STEPS], ids=named)
def test_slices_may_be_tiny(step, size):
    pixels = step(fitting(step, cases.made(2, 1, *size))).pixels
    assert pixels.isfinite().all()
    assert step.step in ("resize", "resample") or pixels.shape[-2:] == size


@pytest.mark.parametrize("value", [-1000.0, 0.0, 37.5, 3000.0])
@pytest.mark.parametrize("step", [*HU_STEPS, *GREY_STEPS], ids=named)
def test_a_constant_slice_stays_constant(step, value):
    pixels = step(fitting(step, Slices(torch.full((1, 1, 40, 30), value), (1.0, 1.0)))).pixels
    spread = pixels.amax((-2, -1)) - pixels.amin((-2, -1))
    assert pixels.isfinite().all()
    assert spread.max() <= 1e-6 * abs(value)  # interpolation and smoothing round


@every_step
def test_a_step_comes_back_from_its_json_which_names_only_what_is_set(step):
    assert TypeAdapter(AnyStep).validate_json(step.model_dump_json()) == step
    assert "null" not in step.model_dump_json()


def test_every_step_is_among_those_tested():
    known = {part.model_fields["step"].default for part in AnyStep.__args__[0].__args__}
    assert known == {step.step for step in [*STEPS, CropToBody()]}


@pytest.mark.parametrize("step", [ZScore(over="volume"), FrequencyHistogram(over="volume"), CropToBody()], ids=named)
def test_a_step_over_the_volume_says_that_it_has_to_be_fitted(step):
    assert step.needs_volume
    with pytest.raises(ValueError, match="fitted"):
        step(cases.made(1, 1, 8, 8))


def test_a_stream_gives_all_slices_in_hu_as_often_as_it_is_asked():
    view = np.arange(-20, 20, dtype=np.int16).repeat(6).reshape(40, 2, 3)[::-1]
    stream = SliceStream.of(view, (5.0, 0.8, 0.7), torch.device("cpu"))
    for _ in range(2):
        batches = list(stream)
        assert torch.equal(torch.cat([b.pixels for b in batches])[:, 0], torch.from_numpy(view.astype(np.float32)))
        assert {batch.spacing for batch in batches} == {(0.8, 0.7)}


def test_a_stream_goes_through_a_step():
    view = np.full((3, 4, 4), 60, np.int16)
    (batch,) = SliceStream.of(view, (1.0, 1.0, 1.0), torch.device("cpu")).through(Window(level=60, width=200))
    assert batch.pixels.unique().tolist() == [0.5]


def test_named_chains_take_tiny_slices():
    for entry in named_chains():
        assert entry.chain(cases.made(1, 1, 3, 2)).pixels.isfinite().all()
