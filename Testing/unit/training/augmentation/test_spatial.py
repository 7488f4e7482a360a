import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from LiverTumorSegLib.training.augmentation.options import SETS, Augmentation
from LiverTumorSegLib.training.augmentation.spatial import SquarePlacement, affine_in_plane, cut_squares, draw_placement


def placement(size, centre, *, rotation=0.0, shear=0.0, zoom=(1.0, 1.0)):
    matrix = affine_in_plane(np.array([rotation]), np.array([shear]), np.array([zoom]))
    return SquarePlacement(size, np.array([centre], np.float32), matrix)


def picture(rows, columns, channels=2, batch=1):
    made = torch.Generator().manual_seed(rows)
    pixels = torch.rand(batch, channels, rows, columns, generator=made)
    return pixels, torch.randint(0, 3, (batch, rows, columns), generator=made, dtype=torch.uint8)


@pytest.mark.parametrize("rows", [32, 37, 50])
def test_ranges_without_changes_give_the_slice_to_the_last_bit(rows):
    pixels, labels = picture(rows, rows, batch=3)
    centre = np.full((3, 2), (rows - 1) / 2)
    image, mask = cut_squares(pixels, labels, draw_placement(SETS["none"], centre, rows, np.random.default_rng(0)))
    assert torch.equal(image, pixels)
    assert torch.equal(mask, labels)


def test_a_straight_cut_is_a_part_of_the_slice():
    pixels, labels = picture(30, 45)
    image, mask = cut_squares(pixels, labels, placement(10, (14.5, 20.5)))
    assert torch.equal(image, pixels[..., 10:20, 16:26])
    assert torch.equal(mask, labels[:, 10:20, 16:26])


@pytest.mark.parametrize(("down", "right"), [(3, 0), (0, -5), (-2, 4)])
def test_a_shift_by_whole_pixels_is_scipys_with_the_border_mirrored(down, right):
    pixels, labels = picture(21, 21)
    image, mask = cut_squares(pixels, labels, placement(21, (10 - down, 10 - right)))
    for got, given_ in ((image[0], pixels[0]), (mask, labels)):
        wanted = [ndimage.shift(one, (down, right), order=0, mode="mirror") for one in given_.numpy()]
        assert np.array_equal(got.numpy(), wanted)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_is_numpys(turns):
    pixels, labels = picture(24, 24)
    image, mask = cut_squares(pixels, labels, placement(24, (11.5, 11.5), rotation=90 * turns))
    assert np.allclose(image.numpy(), np.rot90(pixels.numpy(), -turns, axes=(-2, -1)), atol=1e-5)
    assert np.array_equal(mask.numpy(), np.rot90(labels.numpy(), -turns, axes=(-2, -1)))


def test_a_zoom_by_two_shows_half_of_the_slice():
    pixels = torch.arange(16.0).expand(1, 1, 16, 16).contiguous()
    image, _ = cut_squares(pixels, torch.zeros(1, 16, 16, dtype=torch.uint8), placement(8, (7.5, 7.5), zoom=(1, 2)))
    assert image[0, 0, 4].tolist() == pytest.approx([5.75 + column / 2 for column in range(8)])


def test_an_affine_change_is_scipys():
    pixels, labels = picture(40, 52)
    where = placement(30, (18.3, 25.9), rotation=23, shear=0.1, zoom=(1.2, 0.8))
    image, mask = cut_squares(pixels, labels, where)
    matrix, centre = where.matrix[0].astype(float), where.centre[0].astype(float)
    options = {
        "matrix": matrix,
        "offset": centre - matrix @ np.full(2, 14.5),
        "output_shape": (30, 30),
        "mode": "mirror",
    }
    for got, channel in zip(image[0].numpy(), pixels[0].numpy(), strict=True):
        assert np.allclose(got, ndimage.affine_transform(channel, order=1, **options), atol=1e-4)
    nearest = ndimage.affine_transform(labels[0].numpy(), order=0, **options)
    assert (mask[0].numpy() != nearest).mean() < 0.005  # where two pixels are as near as each other


@pytest.mark.parametrize("name", ["li", "ahmad", "unet-lits"])
def test_pixels_and_labels_move_together(name):
    labels = torch.zeros(20, 80, 90, dtype=torch.uint8)
    labels[:, 30:50, 25:45], labels[:, 33:45, 30:40] = 1, 2
    where = draw_placement(SETS[name], np.tile([40, 35], (20, 1)), 64, np.random.default_rng(0))
    image, mask = cut_squares(labels[:, None].float(), labels, where)
    assert set(mask.unique().tolist()) == {0, 1, 2}
    assert mask.dtype == torch.uint8
    inside = image[:, 0].frac() == 0  # between two labels the image has all that lies between
    assert inside.float().mean() > 0.8
    assert torch.equal(image[:, 0][inside].to(torch.uint8), mask[inside])


@pytest.mark.parametrize(("rows", "columns"), [(8, 13), (3, 2), (1, 5)])
def test_outside_a_slice_pixels_and_labels_are_mirrored_as_often_as_it_takes(rows, columns):
    pixels, labels = picture(rows, columns)
    image, mask = cut_squares(pixels, labels, placement(40, (1.5, 0.5)))
    pads = ((18, 22 - rows), (19, 21 - columns))
    for got, given_ in ((image, pixels), (mask[:, None], labels[:, None])):
        assert np.array_equal(got[0].numpy(), np.pad(given_[0].numpy(), ((0, 0), *pads), mode="reflect"))


def test_a_slice_is_mirrored_at_its_own_border_whatever_comes_after_it_in_the_batch():
    pixels, labels = picture(30, 40, batch=3)
    sizes = [(30, 40), (17, 40), (20, 9)]
    where = draw_placement(SETS["ahmad"], np.full((3, 2), 8.0), 48, np.random.default_rng(0))
    image, mask = cut_squares(pixels, labels, where, torch.tensor(sizes))
    for one, (rows, columns) in enumerate(sizes):
        part = slice(one, one + 1)
        alone = SquarePlacement(48, where.centre[part], where.matrix[part], where.elastic[part])
        own, own_mask = cut_squares(pixels[part, :, :rows, :columns], labels[part, :rows, :columns], alone)
        assert torch.allclose(own[0], image[one], atol=1e-5)
        assert torch.equal(own_mask[0], mask[one])


@pytest.mark.parametrize("name", ["li", "ahmad", "unet-lits"])
def test_no_value_is_seen_that_the_slice_does_not_have(name):
    """After z-scores air is far from nought."""
    pixels, labels = picture(33, 41, batch=4)
    where = draw_placement(SETS[name], np.full((4, 2), 5.0), 64, np.random.default_rng(0))
    image, _ = cut_squares(pixels + 5, labels, where)
    assert image.min() >= pixels.min() + 5 - 1e-4


def test_the_samples_of_a_batch_do_not_depend_on_each_other():
    pixels, labels = picture(50, 60, batch=5)
    where = draw_placement(SETS["ahmad"], np.full((5, 2), 25.0), 48, np.random.default_rng(0))
    image, mask = cut_squares(pixels, labels, where)
    for one in range(5):
        part = slice(one, one + 1)
        alone = SquarePlacement(48, where.centre[part], where.matrix[part], where.elastic[part])
        own, own_mask = cut_squares(pixels[part], labels[part], alone)
        assert torch.allclose(own[0], image[one], atol=1e-5)
        assert torch.equal(own_mask[0], mask[one])
    assert not np.allclose(where.matrix[0], where.matrix[1])


def test_the_seed_decides():
    first, again, other = (
        draw_placement(SETS["ahmad"], np.zeros((4, 2)), 96, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for one, same, different in zip(first[1:], again[1:], other[1:], strict=True):
        assert np.array_equal(one, same)
        assert not np.array_equal(one, different)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0, 60),
    st.floats(0.3, 1),
    st.floats(1, 3),
    st.floats(0, 20),
    st.floats(0, 0.5),
    st.booleans(),
)
def test_what_is_drawn_stays_in_its_ranges(seed, rotation, least, most, shift, share, isotropic):
    ranges = Augmentation(
        rotation=rotation,
        zoom=(least, most),
        isotropic=isotropic,
        stretch=0,
        shear=0,
        shift=shift,
        shift_share=share,
    )
    where = draw_placement(ranges, np.full((6, 2), 50.0), 32, np.random.default_rng(seed))
    zoom = 1 / np.linalg.norm(where.matrix, axis=1)
    turned = np.degrees(np.arctan2(where.matrix[:, 1, 0], where.matrix[:, 0, 0]))
    assert ((least - 1e-4 <= zoom) & (zoom <= most + 1e-4)).all()
    assert (abs(turned) <= rotation + 1e-3).all()
    assert (abs(where.centre - 50) <= shift + share * 32 + 1e-3).all()
    assert np.allclose(zoom[:, 0], zoom[:, 1]) or not isotropic


def test_shear_and_stretch_stay_in_their_ranges():
    ranges = SETS["none"].model_copy(update={"shear": 0.2, "stretch": 0.3})
    where = draw_placement(ranges, np.zeros((200, 2)), 32, np.random.default_rng(0))
    ratio = np.log(where.matrix[:, 1, 1] / where.matrix[:, 0, 0])
    slid = where.matrix[:, 0, 1] / where.matrix[:, 1, 1]
    assert 0.28 < abs(ratio).max() <= 0.3 + 1e-6
    assert 0.19 < abs(slid).max() <= 0.2 + 1e-6
    assert np.allclose(np.linalg.det(where.matrix), 1, atol=1e-5)


def test_bent_squares_are_those_of_scipy():
    pixels, labels = picture(64, 64, channels=1)
    where = draw_placement(
        SETS["none"].model_copy(update={"elastic": 4.0}), np.full((1, 2), 31.5), 64, np.random.default_rng(0)
    )
    from LiverTumorSegLib.training.augmentation.options import displacements

    moved = displacements(torch.from_numpy(where.elastic), 64)[0].numpy() + np.indices((64, 64))
    wanted = ndimage.map_coordinates(pixels[0, 0].numpy(), moved, order=1, mode="mirror")
    assert np.allclose(cut_squares(pixels, labels, where)[0][0, 0].numpy(), wanted, atol=1e-4)


def test_what_is_cut_stays_on_the_device_of_its_slices():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pixels, labels = picture(20, 20)
    image, mask = cut_squares(pixels.to(device), labels.to(device), placement(16, (9.5, 9.5), rotation=5))
    assert image.device.type == mask.device.type == device.type
