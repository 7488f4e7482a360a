import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage import exposure
from support import preprocessing_cases as cases

from LiverTumorSegLib.preprocessing import Clahe, HistogramEqualisation, MinMax, Slices

STRETCH = MinMax()


def defined(plane, tiles, clip_limit, bins):
    """CLAHE of one slice, pixel by pixel from the definition; sizes are multiples of the tiles."""
    rows, columns = (n // tiles for n in plane.shape)
    pixels = rows * columns
    index = np.minimum((plane * bins).astype(int), bins - 1)
    mappings = np.empty((tiles, tiles, bins))
    for i, j in np.ndindex(tiles, tiles):
        tile = index[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
        mappings[i, j] = limited(np.bincount(tile.ravel(), minlength=bins), int(clip_limit * pixels)).cumsum() / pixels
    result = np.empty(plane.shape)
    for y, x in np.ndindex(plane.shape):
        (top, bottom, v), (left, right, h) = (
            neighbours((at + 0.5) / n - 0.5, tiles) for at, n in ((y, rows), (x, columns))
        )
        bin_ = index[y, x]
        above = mappings[top, left, bin_] * (1 - h) + mappings[top, right, bin_] * h
        below = mappings[bottom, left, bin_] * (1 - h) + mappings[bottom, right, bin_] * h
        result[y, x] = above * (1 - v) + below * v
    return result


def neighbours(at, tiles):
    at = min(max(at, 0), tiles - 1)
    lower = int(at)
    return lower, min(lower + 1, tiles - 1), at - lower


def limited(counts, limit):
    """Pour what was cut off into all bins alike until nothing is left, by bisection of the level."""
    excess, cut = np.maximum(counts - limit, 0).sum(), np.minimum(counts, limit)
    low, high = 0.0, float(limit)
    for _ in range(60):
        middle = (low + high) / 2
        spent = (np.minimum(cut + middle, limit) - cut).sum()
        low, high = (middle, high) if spent < excess else (low, middle)
    return np.minimum(cut + high, limit)


@pytest.mark.parametrize("clip_limit", [0.01, 0.05, 0.2, 1.0])
def test_it_is_as_defined_pixel_by_pixel(clip_limit):
    windowed = cases.WINDOW(cases.hounsfield("phantom"))
    part = windowed.with_pixels(windowed.pixels[:1, :, 30:102, 40:136])  # 72 x 96 pixels
    found = Clahe(tiles=4, clip_limit=clip_limit, bins=128)(part).pixels[0, 0].numpy()
    expected = defined(part.pixels[0, 0].numpy(), 4, clip_limit, 128)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("source", "tiles"), [("lits", 8), ("phantom", 8), ("ct", 4)])
def test_it_is_scikit_images_to_the_stated_tolerance(source, tiles):
    windowed = STRETCH(cases.WINDOW(cases.hounsfield(source)))
    rows, columns = ((n // tiles) * tiles for n in windowed.size)  # whole tiles, where both cut alike
    windowed = STRETCH(windowed.with_pixels(windowed.pixels[..., :rows, :columns]))
    found = STRETCH(Clahe(tiles=tiles)(windowed))
    for plane, equalised in zip(cases.planes(windowed), cases.planes(found), strict=True):
        difference = np.abs(equalised - exposure.equalize_adapthist(plane, (rows // tiles, columns // tiles)))
        if source == "lits":
            assert difference.mean() < 0.002
            assert difference.max() < 0.03
        else:  # of small tiles, where each pixel counts more
            assert difference.mean() < 0.02


def test_one_tile_without_a_limit_is_histogram_equalisation():
    windowed = cases.WINDOW(cases.hounsfield("phantom"))
    centres = windowed.with_pixels((windowed.pixels * 255).floor().add(0.5) / 256)  # both tables agree there
    found = Clahe(tiles=1, clip_limit=1.0)(centres).pixels
    torch.testing.assert_close(found, HistogramEqualisation()(centres).pixels, rtol=0, atol=0.6 / 32)


def test_flipping_before_is_flipping_after():
    windowed = cases.WINDOW(cases.hounsfield("phantom"))
    part = windowed.with_pixels(windowed.pixels[..., :144, :176])  # whole tiles
    flipped = part.with_pixels(part.pixels.flip(-1, -2))
    torch.testing.assert_close(Clahe()(flipped).pixels.flip(-1, -2), Clahe()(part).pixels, rtol=0, atol=1e-6)


def test_a_lower_limit_leaves_less_contrast():
    windowed = cases.WINDOW(cases.hounsfield("phantom"))
    spreads = [Clahe(clip_limit=limit)(windowed).pixels.diff().abs().mean() for limit in (0.005, 0.02, 0.1)]
    assert spreads == sorted(spreads)


def test_values_outside_the_unit_interval_are_clipped():
    pixels = cases.made(1, 1, 40, 48).pixels / 100
    assert torch.equal(Clahe()(Slices(pixels, (1, 1))).pixels, Clahe()(Slices(pixels.clamp(0, 1), (1, 1))).pixels)


def test_a_limit_under_which_not_all_pixels_find_room_is_refused():
    with pytest.raises(ValidationError, match="cannot hold all pixels"):
        Clahe(clip_limit=0.01, bins=99)
