import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks import SliceNetwork


class First(SliceNetwork):
    smallest = 8
    source = "a test"

    def logits(self, slices):
        return slices[:, :1]


class FirstOfVolume(First):
    axes = 3


def test_what_fits_reaches_the_logits():
    slices = torch.rand(2, 3, 8, 9)
    assert torch.equal(First(3, 1)(slices), slices[:, :1])


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 2, 8, 8), (1, 3, 8, 8, 8)])
def test_slices_of_another_form_are_refused(shape):
    with pytest.raises(UserError) as error:
        First(3, 1)(torch.zeros(shape))
    assert str(error.value) == f"First takes [batch, 3, height, width], not {list(shape)}."


def test_slices_are_no_volumes():
    with pytest.raises(UserError, match=r"takes \[batch, 1, depth, height, width\], not \[1, 1, 8, 8\]"):
        FirstOfVolume(1, 1)(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    ("network", "size", "least"), [(First, (7, 20), "8 x 8"), (FirstOfVolume, (9, 9, 7), "8 x 8 x 8")]
)
def test_an_axis_that_is_too_short_is_refused(network, size, least):
    with pytest.raises(UserError) as error:
        network(1, 1)(torch.zeros(1, 1, *size))
    assert str(error.value) == f"{network.__name__} takes at least {least} pixels, not {' x '.join(map(str, size))}."


def test_a_network_has_to_say_what_its_logits_are():
    with pytest.raises(TypeError, match="logits"):
        SliceNetwork(1, 1)
