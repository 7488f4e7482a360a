import numpy as np
import pytest
from support.models import describe
from support.volumes import reordered

from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.inference.preview import preprocess_volume
from LiverTumorSegLib.models.description import NetworkSpec, SliceStack
from LiverTumorSegLib.preprocessing import Chain

_WINDOW = {"step": "window", "level": 60, "width": 200}


def test_a_window_alone_keeps_the_grid(ct):
    image, affine = preprocess_volume(ct, describe())
    seen = ct.axial.of(ct.voxels)
    assert image.dtype == np.float32
    assert np.allclose(image, ((seen + 40) / 200).clip(0, 1), atol=1e-6)
    assert np.allclose(affine, ct.axial.affine(ct.affine, ct.voxels.shape))


def test_resampled_pixels_lie_where_the_ct_does(ct):
    chain = Chain.model_validate([_WINDOW, {"step": "resample", "spacing_mm": 1.7}])
    image, affine = preprocess_volume(ct, describe(preprocessing=chain))
    own = ct.axial.affine(ct.affine, ct.voxels.shape)
    before, after = ct.axial.of(ct.voxels).shape, image.shape
    for corner in ((-0.5, -0.5), (-0.5, 1), (1, -0.5), (1, 1)):  # outer corners of the first slice
        ends = [[n - 0.5 if c == 1 else c for c, n in zip(corner, (s[2], s[1]), strict=True)] for s in (before, after)]
        places = [a @ [*end, 0, 1] for a, end in zip((own, affine), ends, strict=True)]
        assert np.allclose(*places)


def test_the_order_of_the_file_does_not_matter(ct):
    image, affine = preprocess_volume(ct, describe())
    other, placed = preprocess_volume(reordered(ct, (2, 0, 1), (True, False, True)), describe())
    assert np.array_equal(image, other)
    assert np.allclose(affine, placed)


def test_of_a_stack_the_middle_slice_is_shown(ct):
    three = describe(network=NetworkSpec(name="unet", in_channels=3), stack=SliceStack(slices=3, spacing_mm=2.5))
    image, _ = preprocess_volume(ct, three)
    assert np.array_equal(image, preprocess_volume(ct, describe())[0])


def test_it_can_be_cancelled(ct):
    token = CancelToken()
    with pytest.raises(Cancelled):
        preprocess_volume(ct, describe(), lambda fraction, sentence: token.cancel(), token)
