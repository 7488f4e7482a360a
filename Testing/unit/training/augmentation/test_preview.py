import numpy as np
import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.preprocessing import Slices
from LiverTumorSegLib.training.augmentation.options import SETS
from LiverTumorSegLib.training.augmentation.preview import augment_preview, describe_ranges, set_for_chain


def ramp(channels=1, rows=30, columns=40):
    plane = np.linspace(0, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    return Slices(torch.from_numpy(plane).expand(1, channels, -1, -1), (1.0, 1.0))


@pytest.mark.parametrize("name", ["li", "ahmad", "torchio", "unet-lits"])
def test_samples_differ_from_the_slice_and_from_each_other_and_are_the_same_each_time(name):
    first, again = (augment_preview(ramp(2), SETS[name], 3) for _ in range(2))
    assert [tuple(sample.pixels.shape) for sample in first] == [(1, 2, 40, 40)] * 3
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0].pixels, first[1].pixels)
    assert all(float(sample.pixels.min()) >= 0 and float(sample.pixels.max()) <= 1 for sample in first)


def test_without_changes_a_sample_is_the_slice():
    square = ramp(rows=32, columns=32)
    (sample,) = augment_preview(square, SETS["none"], 1)
    assert sample.pixels.numpy() == pytest.approx(square.pixels.numpy(), abs=1e-6)


def test_standard_scores_are_not_cut_off():
    scores = ramp().with_pixels(ramp().pixels * 6 - 3)
    (sample,) = augment_preview(scores, SETS["li"], 1)
    assert sample.pixels.min() < -1


@pytest.mark.parametrize(
    ("chain", "asked", "shown"),
    [
        ("li", None, "li"),
        ("ahmad", "torchio", "torchio"),
        ("kulkarni", None, None),
        ("kulkarni", "li", "li"),
        ("li", "none", None),
        ("none", None, None),
    ],
)
def test_a_systems_own_set_is_shown_unless_another_is_asked_for(chain, asked, shown):
    assert set_for_chain(chain, asked) == shown


def test_an_unknown_set_is_refused():
    with pytest.raises(UserError, match="no set of augmentations called “lee”: choose one of none, li, ahmad, torchio"):
        set_for_chain("li", "lee")


def test_ranges_are_in_words():
    assert describe_ranges(SETS["li"]) == "rotation 10, zoom 0.95 to 1.05, isotropic no, shear 0.05, shift share 0.05"
    assert describe_ranges(SETS["torchio"]) == "rotation 10, tilt (not shown) 10, zoom 0.9 to 1.1, isotropic no"
    assert describe_ranges(SETS["none"]) == ""
