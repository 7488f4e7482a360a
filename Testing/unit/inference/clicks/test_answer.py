import numpy as np
import pytest
import torch
from scipy import ndimage

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.clicks import answer as answers
from LiverTumorSegLib.inference.clicks.answer import judge, on_grid
from LiverTumorSegLib.inference.clicks.frame import ClickFrame
from LiverTumorSegLib.inference.clicks.patches import Patch

SIZE = (32, 48, 48)
LARGE_MM = 90


def made_up(random, slice_mm, pixel_mm, zoom):
    """A CT's frame, an answer of random blobs on it, and clicks around its middle."""
    spacing = np.array([slice_mm, pixel_mm, pixel_mm])
    shape = tuple(np.maximum(6, LARGE_MM / spacing).astype(int).tolist())
    frame = ClickFrame(Volume(np.zeros(shape, np.int16), np.diag([-pixel_mm, -pixel_mm, slice_mm, 1.0])))
    middle = random.uniform(0.3, 0.7, 3) * shape * spacing
    blobs = ndimage.gaussian_filter(random.normal(size=SIZE), random.choice([1.0, 2.0, 4.0]))
    logits = torch.from_numpy((blobs / blobs.std() - random.choice([0.5, 1.0, 2.0])).astype(np.float32))
    clicks = [tuple((middle + random.normal(0, 5, 3)).clip(0, (np.array(shape) - 1) * spacing)) for _ in range(3)]
    patch = Patch(tuple(middle), SIZE, (1.5 * zoom, zoom, zoom))
    return frame, judge(patch, logits, clicks[:2]), clicks


@pytest.mark.parametrize("slice_mm", [0.6, 1.5, 5.0, 10.0])
@pytest.mark.parametrize("zoom", [1.0, 4.0])
def test_of_a_wide_patch_the_clicked_parts_alone_are_looked_at_and_the_lesion_is_the_same(slice_mm, zoom, monkeypatch):
    random = np.random.default_rng(round(10 * slice_mm + zoom))
    for _ in range(8):
        frame, answer, (*inside, outside) = made_up(random, slice_mm, 1.5, zoom)
        found = []
        for small in (0, np.inf):
            monkeypatch.setattr(answers, "_SMALL", small)
            found.append(on_grid(frame, answer, inside, [outside]))
        (part, probability), (expected, likely) = found
        assert part.box == expected.box
        np.testing.assert_array_equal(part.values, expected.values)
        assert probability == pytest.approx(likely)


def test_a_wide_patch_with_a_small_part_is_not_looked_through(monkeypatch):
    monkeypatch.setattr(answers, "_SMALL", 0)
    frame, answer, _ = made_up(np.random.default_rng(0), 1.0, 1.0, 2.0)
    answer.logits[:] = -5
    answer.logits[15:18, 23:26, 23:26] = 5
    looked_at = answers._reach(frame, answer, [answer.patch.centre])
    assert all(side.stop - side.start < 30 for side in looked_at)
