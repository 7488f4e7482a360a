from dataclasses import replace

import pytest
import torch
from support.nnunet_models import settings_of
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.device import cpu_placement
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.inference.label_assembly import NotFinite
from LiverTumorSegLib.inference.nnunet.prediction import ARITHMETICS, Blend, MeanLogits, predict
from LiverTumorSegLib.inference.nnunet.tiles import find_tiles, gaussian
from LiverTumorSegLib.inference.predictor import Predictor

OUTPUTS = ("background", "liver", "lesion")
CPU, EXACT, FAST = torch.device("cpu"), ARITHMETICS["exact"], ARITHMETICS["fast"]


def settings(**changes):
    return settings_of(OUTPUTS, **({"patch": (8, 12, 10)} | changes))


def summed(logits, tiles, numbers):
    """The mean of tiles, with sums of the whole image, as nnU-Net makes it."""
    weights = gaussian(tiles.size, numbers)
    sums, counts = torch.zeros(3, *tiles.shape, dtype=numbers), torch.zeros(tiles.shape, dtype=numbers)
    for number, (k, j, i) in enumerate(tiles.starts):
        part = slice(k, k + 8), slice(j, j + 12), slice(i, i + 10)
        sums[:, part[0], part[1], part[2]] += logits[number] * weights
        counts[part] += weights
    return sums / counts


@pytest.mark.parametrize("arithmetic", [EXACT, FAST])
@pytest.mark.parametrize("shape", [(37, 20, 31), (8, 20, 31), (5, 7, 40)])
def test_planes_that_are_finished_one_by_one_are_those_of_the_whole(arithmetic, shape):
    tiles = find_tiles(shape, settings())
    logits = torch.randn(len(tiles.starts), 3, 8, 12, 10, generator=torch.Generator().manual_seed(0)) * 5
    mean = MeanLogits(3, tiles.shape)
    blend = Blend(mean, tiles, arithmetic.sums, CPU, [0.0, 0.0, 0.0])
    for number, each in enumerate(logits):
        blend.add(number, each.clone())
    blend.end()
    assert torch.equal(mean.values, summed(logits, tiles, arithmetic.sums).half())


def test_where_no_tile_is_looked_at_there_is_background():
    tiles = find_tiles((37, 20, 31), settings())
    chosen = tuple(start for start in tiles.starts if start[0] in (0, 29))
    mean = MeanLogits(3, tiles.shape)
    blend = Blend(mean, replace(tiles, starts=chosen), torch.float32, CPU, [20.0, 0.0, 0.0])
    for number in range(len(chosen)):
        blend.add(number, torch.full((3, 8, 12, 10), 7.0))
    blend.end()
    assert (mean.values[:, :8] - 7).abs().max() < 0.01
    assert (mean.values[:, 29:] - 7).abs().max() < 0.01
    assert torch.equal(mean.values[:, 8:29].unique(), torch.tensor([0.0, 20.0]).half())
    assert mean.values[1:, 8:29].max() == 0


def test_sums_take_no_more_memory_than_a_tile_s_planes_and_logits_two_bytes():
    tiles = find_tiles((400, 20, 31), settings())
    mean = MeanLogits(3, tiles.shape)
    blend = Blend(mean, tiles, torch.float32, CPU, [0.0, 0.0, 0.0])
    assert blend._sums.nbytes + blend._counts.nbytes == Blend.bytes(tiles, torch.float32, 3) == 4 * 4 * 8 * 20 * 31
    assert mean.values.nbytes == 2 * 3 * 400 * 20 * 31


def test_folds_are_averaged_in_float16_and_what_is_given_twice_counts_once():
    mean = MeanLogits(1, (4, 1, 1))
    mean.write(0, torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1))
    mean.write(0, torch.tensor([9.0, 9, 9, 4]).reshape(1, 4, 1, 1))
    mean.end_fold()
    mean.write(0, torch.full((1, 2, 1, 1), 0.5))
    mean.write(0, torch.full((1, 4, 1, 1), 1.0))
    mean.end_fold()
    mean.end()
    assert mean.values.flatten().tolist() == [0.75, 1.25, 2.0, 2.5]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e6])
def test_logits_that_are_not_finite_in_float16_are_refused(number):
    with pytest.raises(NotFinite):
        MeanLogits(1, (4, 1, 1)).write(0, torch.full((1, 2, 1, 1), number))


class Leaning(networks.SliceNetwork):
    """Logits that are larger where an axis ends: mirrored and turned back they are larger where it begins."""

    axes = 3

    def __init__(self):
        super().__init__(1, 3)
        self.seen = []

    def logits(self, slices):
        self.seen.append(tuple(slices.shape))
        line = torch.arange(slices.shape[-1], dtype=slices.dtype, device=slices.device)
        return torch.stack([slices[:, 0] * 0, slices[:, 0] + line, slices[:, 0] - line], dim=1)


def predicted(arithmetic, chosen, shape=(20, 20, 31), task=None, batch=1, network=None, **more):
    image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    tiles = find_tiles(shape, chosen)
    mean = MeanLogits(3, tiles.shape)
    engine = Predictor(network or Leaning(), cpu_placement(precision="float32"), batch, fits=True)
    predict(mean, tiles.pad(image), tiles, engine, chosen, arithmetic, task or Job(), **more)
    return image, mean.values, engine._network.seen


def test_mirrored_passes_are_turned_back_and_averaged():
    image, values, seen = predicted(FAST, settings(mirror_axes=(2,)))
    assert torch.allclose(values[1], image.half() + 4.5, atol=0.01)  # the mean of 0 to 9, whatever the tile
    assert torch.allclose(values[2], image.half() - 4.5, atol=0.01)
    assert set(seen) == {(1, 1, 8, 12, 10)}
    tiles = len(find_tiles(image.shape, settings()).starts)
    assert len(seen) == 2 * tiles


def test_every_tile_is_told_and_asked_about():
    told, cancel = [], CancelToken()

    def progress(fraction, sentence):
        told.append((fraction, sentence))
        if len(told) == 5:
            cancel.cancel()

    with pytest.raises(Cancelled):
        predicted(EXACT, settings(), task=Job(progress, cancel))
    total = len(find_tiles((20, 20, 31), settings()).starts)
    assert [sentence for _, sentence in told] == [f"Segmenting part {n} of {total}" for n in range(1, 6)]
    assert [fraction for fraction, _ in told] == [n / total for n in range(5)]


class LeaningSlices(Leaning):
    """The same of slices."""

    axes = 2


def test_slices_in_batches_have_the_logits_that_each_has_alone():
    flat = settings(patch=(12, 10), spacing_mm=(2.0, 2.0), mirror_axes=(0, 1))
    _, alone, _ = predicted(FAST, flat, network=LeaningSlices())
    _, together, seen = predicted(FAST, flat, network=LeaningSlices(), batch=7)
    assert torch.equal(alone, together)
    assert max(shape[0] for shape in seen) == 7
    assert {shape[1:] for shape in seen} == {(1, 12, 10)}


def test_sums_may_be_kept_by_the_host():
    _, usual, _ = predicted(FAST, settings())
    _, on_host, _ = predicted(FAST, settings(), on_host=True)
    assert torch.equal(usual, on_host)


@pytest.mark.parametrize(
    ("name", "patch"), [("plain_conv_unet_3d", (8, 12, 12)), ("residual_encoder_unet_2d", (16, 20))]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_normalisations_in_place_give_the_same_logits(name, patch, batch):
    torch.manual_seed(0)
    axes = len(patch)
    options = {"features": [4, 8], "strides": [[1] * axes, [2] * axes], "kernels": [[3] * axes] * 2, "encoder": [1, 1]}
    network = networks.create(name, 1, 3, **options).eval()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    given = torch.randn(batch, 1, *patch)
    place = cpu_placement(precision="float32")
    with torch.inference_mode():
        exact, fast = (each.load(network, place, batch) for each in (EXACT, FAST))
        assert torch.equal(exact(given), network(given))
        assert torch.allclose(fast(given), network(given), atol=1e-4)
    assert not any(isinstance(part, nn.InstanceNorm3d) for part in fast._network.modules())
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
