import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from scipy import ndimage
from support import preprocessing_cases as cases

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.preprocessing import Chain, Crop, CropToBody, Resample, Resize, Slices


def body_chain(**options):
    return Chain.model_validate([{"step": "crop_to_body", **options}])


def test_resize_gives_the_size_and_the_spacing_that_follows():
    out = Resize(height=20, width=50)(cases.made(1, 1, 40, 100, spacing=(0.5, 0.6)))
    assert out.pixels.shape == (1, 1, 20, 50)
    assert out.spacing == pytest.approx((1.0, 1.2))
    assert out.scale == pytest.approx((2.0, 2.0))


@pytest.mark.parametrize("source", cases.SOURCES)
def test_shrinking_is_pillows_antialiased_bilinear(source):
    slices = cases.hounsfield(source)
    for plane, found in zip(cases.planes(slices), cases.planes(Resize(height=61, width=47)(slices)), strict=True):
        expected = np.asarray(Image.fromarray(plane).resize((47, 61), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-2)  # of 4000 HU


@given(st.integers(1, 90), st.integers(1, 90), st.floats(0.3, 3), st.floats(0.3, 3), st.floats(0.4, 4))
def test_resample_keeps_the_extent_in_millimetres(height, width, dy, dx, wanted):
    out = Resample(spacing_mm=wanted)(cases.made(1, 1, height, width, spacing=(dy, dx)))
    rows, columns = out.size
    assert rows * out.spacing[0] == pytest.approx(height * dy)
    assert columns * out.spacing[1] == pytest.approx(width * dx)
    assert abs(rows - height * dy / wanted) <= max(0.5, 1 - height * dy / wanted) + 1e-6


def test_resample_places_pixels_where_they_were():
    ramp = torch.arange(60, dtype=torch.float32).expand(1, 1, 30, 60)
    out = Resample(spacing_mm=2.0)(Slices(ramp, (1, 1))).pixels
    assert out[0, 0, 10, 1:-1].tolist() == pytest.approx((np.arange(1, 29) * 2 + 0.5).tolist(), abs=1e-3)


def test_more_pixels_than_can_be_segmented_are_refused():
    with pytest.raises(UserError, match="more than can be segmented"):
        Resample(spacing_mm=0.2)(cases.made(1, 1, 2, 1000))


def test_crop_keeps_the_rows_and_columns_and_says_where_they_were():
    slices = cases.made(2, 1, 10, 12)
    out = Crop(rows=(2, 7), columns=(3, 12))(slices)
    assert torch.equal(out.pixels, slices.pixels[:, :, 2:7, 3:12])
    assert (out.origin, out.scale, out.spacing) == ((2, 3), (1, 1), (1, 1))


def test_a_pixel_can_be_followed_back_through_crops_and_resizing():
    rows, columns = torch.meshgrid(torch.arange(80.0) + 0.5, torch.arange(120.0) + 0.5, indexing="ij")
    slices = Slices(torch.stack([rows, columns])[None], (0.5, 0.8))  # each pixel holds where its centre is
    chain = Chain.model_validate(
        [
            {"step": "crop", "rows": (10, 70), "columns": (20, 116)},
            {"step": "resize", "height": 20, "width": 24},
            {"step": "crop", "rows": (2, 18), "columns": (3, 20)},
            {"step": "resample", "spacing_mm": 3.2},
            {"step": "crop", "rows": (1, 6), "columns": (2, 15)},
        ]
    )
    out = chain(slices)
    for axis, (origin, scale) in enumerate(zip(out.origin, out.scale, strict=True)):
        centres = origin + (np.arange(out.size[axis]) + 0.5) * scale
        found = out.pixels[0, axis].mean(1 - axis).numpy()
        assert found == pytest.approx(centres, abs=0.02)
        assert out.spacing[axis] / slices.spacing[axis] == pytest.approx(scale)


def test_a_crop_that_is_larger_than_the_slice_is_refused_in_one_sentence():
    with pytest.raises(UserError, match="rows 2 to 11 .* 10 x 12 pixels") as caught:
        Crop(rows=(2, 11), columns=(0, 12))(cases.made(1, 1, 10, 12))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", [(3, 3), (-1, 4), (5, 2)])
def test_a_crop_without_pixels_is_refused(rows):
    with pytest.raises(ValidationError, match="no pixel"):
        Crop(rows=rows, columns=(0, 5))


def test_the_body_is_the_largest_part_of_the_whole_volume():
    view = np.full((9, 40, 50), -1000, np.int16)
    view[:, 12:25, 18:30] = 40  # the trunk, in every slice
    view[4, 6:14, 20:24] = 40  # a part that touches it in one slice alone
    view[:, 34:36, 2:48] = 100  # a table, larger in a slice than nothing but smaller in all
    fitted = body_chain(margin_mm=0).fitted(view, (5.0, 1.0, 1.0))
    assert fitted == Chain.model_validate([{"step": "crop", "rows": (6, 25), "columns": (18, 30)}])


def test_the_margin_is_in_millimetres_and_ends_at_the_border():
    view = np.full((2, 40, 50), -1000, np.int16)
    view[:, 3:25, 18:30] = 40
    (step,) = body_chain(margin_mm=5.0).fitted(view, (5.0, 1.0, 2.0)).root
    assert step == Crop(rows=(0, 30), columns=(15, 33))


def test_the_body_is_found_in_what_the_steps_before_left():
    view = np.full((2, 40, 50), -1000, np.int16)
    view[:, 10:20, 10:20] = 150
    view[:, 30, 30] = 150  # the median takes it away
    steps = [{"step": "median"}, {"step": "crop_to_body", "threshold_hu": 0, "margin_mm": 0}]
    assert Chain.model_validate(steps).fitted(view, (1.0, 1.0, 1.0)).root[1] == Crop(rows=(10, 20), columns=(10, 20))


def test_a_volume_of_air_keeps_its_size():
    view = np.full((2, 7, 9), -1000, np.int16)
    assert body_chain().fitted(view, (1.0, 1.0, 1.0)).root == (Crop(rows=(0, 7), columns=(0, 9)),)


def test_the_phantoms_body_is_where_scipy_finds_it():
    volume = phantom.create((10, 90, 120), (20.0, 5.0, 5.0)).volume
    view = volume.axial.of(volume.voxels)
    parts, count = ndimage.label(view > -500)
    largest = 1 + np.argmax([np.count_nonzero(parts == part) for part in range(1, count + 1)])
    _, rows, columns = (np.flatnonzero((parts == largest).any(other))[[0, -1]] for other in ((1, 2), (0, 2), (0, 1)))
    (step,) = body_chain(margin_mm=0).fitted(view, volume.axial.spacing).root
    assert (step.rows, step.columns) == ((rows[0], rows[1] + 1), (columns[0], columns[1] + 1))
    assert rows[1] - rows[0] < 60 < columns[1] - columns[0]


def test_all_slices_keep_one_size():
    volume = phantom.create((6, 90, 120), (30.0, 5.0, 5.0)).volume
    view = volume.axial.of(volume.voxels)
    fitted = body_chain().fitted(view, volume.axial.spacing)
    hounsfield = torch.from_numpy(view.astype(np.float32))[:, None]
    assert len({fitted(Slices(one, volume.axial.spacing[1:])).size for one in hounsfield.split(1)}) == 1


def test_there_is_one_crop_to_body_for_any_threshold():
    assert CropToBody().threshold_hu == -500
    with pytest.raises(ValidationError):
        CropToBody(margin_mm=-1)
