import torch

from LiverTumorSegLib.preprocessing.slices import Slices, map_slices


def test_other_pixels_lie_in_the_same_places():
    slices = Slices(torch.zeros(2, 1, 4, 6), (0.5, 0.6), (10.0, 20.0), (2.0, 3.0))
    other = slices.with_pixels(torch.ones(2, 3, 4, 6))
    assert (other.spacing, other.origin, other.scale) == (slices.spacing, slices.origin, slices.scale)
    assert other.pixels.all()
    assert slices.size == (4, 6)


def test_slices_are_uncropped_and_to_scale_unless_said_otherwise():
    slices = Slices(torch.zeros(1, 1, 2, 2), (1.0, 1.0))
    assert (slices.origin, slices.scale) == ((0.0, 0.0), (1.0, 1.0))


def test_large_slices_are_worked_on_one_by_one_and_put_back_in_order():
    pixels = torch.arange(6.0).view(2, 3, 1, 1).expand(2, 3, 512, 600)
    seen = []

    def work(planes, out):
        seen.append(len(planes))
        torch.add(planes, 1, out=out)

    assert torch.equal(map_slices(work, pixels), pixels + 1)
    assert seen == [1] * 6


def test_small_slices_are_worked_on_together():
    seen = []
    map_slices(lambda planes, out: seen.append((planes.shape, out.is_contiguous())), torch.zeros(2, 3, 16, 20).mT)
    assert seen == [((6, 20, 16), True)]
