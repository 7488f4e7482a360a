import numpy as np
import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.preprocessing import Chain, Slices, named
from LiverTumorSegLib.reporting import preprocessing_figure as pictures

WINDOW = {"step": "window", "level": 60, "width": 200}
STACK = {"step": "channels", "chains": [[WINDOW, {"step": "median", "size": 3}], [{"step": "frequency_histogram"}]]}
WHITE = (255, 255, 255)


def staged(steps, plane):
    chain = Chain.model_validate(steps)
    return list(pictures.chain_stages(chain, chain, Slices(torch.from_numpy(plane)[None, None], (1.0, 2.0))))


@pytest.fixture
def plane():
    return np.random.default_rng(0).normal(50, 80, (24, 20)).astype(np.float32)


def test_there_is_a_stage_before_the_first_step_and_after_each(plane):
    found = staged([WINDOW, {"step": "z_score"}, {"step": "resample", "spacing_mm": 1.5}], plane)
    assert [stage.title for stage in found] == ["CT", "window", "z score", "resample"]
    assert [stage.options for stage in found][1:] == ["level 60, width 200", "over slice", "spacing 1.5 mm"]
    windowed = ((plane + 40) / 200).clip(0, 1)
    assert found[0].slices.pixels[0, 0].numpy() == pytest.approx(plane)
    assert found[1].slices.pixels[0, 0].numpy() == pytest.approx(windowed, abs=1e-5)
    assert found[2].slices.pixels[0, 0].numpy() == pytest.approx(
        (windowed - windowed.mean()) / windowed.std(), abs=1e-4
    )
    assert found[3].slices.size == (16, 27)


def test_each_channel_says_how_it_came_about(plane):
    last = staged([STACK], plane)[-1]
    assert last.channels == ("window: level 60, width 200; median: size 3", "frequency histogram: bins 100, over slice")
    assert last.slices.pixels.shape[1] == 2
    nested = staged([STACK, {"step": "channels", "chains": [[WINDOW], []]}], plane)[-1]
    assert nested.channels == ("window: level 60, width 200",) * 2 + ("",) * 2


def test_options_that_a_volume_decides_are_worded_as_they_were_asked_for(small_phantom):
    view, spacing = small_phantom.volume.axial.of(small_phantom.volume.voxels), small_phantom.volume.axial.spacing
    chain = Chain.model_validate([{"step": "crop_to_body", "margin_mm": 5}])
    slices = Slices(torch.from_numpy(view[20].astype(np.float32))[None, None], spacing[1:])
    first, last = pictures.chain_stages(chain, chain.fitted(view, spacing), slices)
    assert (last.title, last.options) == ("crop to body", "threshold -500 HU, margin 5 mm")
    assert last.slices.size < first.slices.size


def test_the_slice_with_most_soft_tissue_is_chosen():
    view = np.full((9, 40, 40), -1000, np.int16)
    assert pictures.find_most_soft_tissue(view) == 4
    view[2, :, :30] = 50
    view[6] = 400
    view[7, :, :20] = 50
    assert pictures.find_most_soft_tissue(view) == 2


def test_a_slice_that_is_not_there_is_refused(small_phantom):
    for number in (0, 41):
        with pytest.raises(UserError, match=f"slices 1 to 40, counted from the feet, but no {number}"):
            pictures.draw_chain(small_phantom.volume, named("li"), number, "li")


def test_pictures_show_what_lies_in_0_to_1_in_its_own_grey():
    plane = np.tile(np.linspace(0.2, 0.6, 10, dtype=np.float32), (10, 1))
    tile = np.asarray(pictures._tile(plane, (1.0, 1.0), pictures._shown(plane)))
    assert tile[:, 3].mean() == pytest.approx(0.2 * 255, abs=3)
    assert tile[:, -4].mean() == pytest.approx(0.6 * 255, abs=3)


def test_extreme_values_do_not_darken_what_else_is_shown(plane):
    plane[0, 0] = 30_000
    low, high = pictures._shown(plane)
    assert -300 < low < 0 < high < 400


def test_pictures_keep_the_millimetres_in_proportion():
    tile = pictures._tile(np.zeros((10, 10), np.float32), (1.0, 2.0), (0, 1))
    assert tile.height == pytest.approx(tile.width / 2, abs=1)


def test_bars_stand_where_the_values_are_and_the_tallest_are_marked_as_cut_off():
    plane = np.concatenate([np.linspace(0, 1, 7800), np.zeros(5000)]).astype(np.float32)[None]
    drawing = np.asarray(pictures._histogram(plane, (0.0, 1.0)))
    bars, ramp = drawing[: pictures._HISTOGRAM], drawing[pictures._HISTOGRAM + 4]
    orange = (bars == pictures._ORANGE).all(-1).any(0)
    assert orange[:3].all()
    assert not orange[6:].any()
    height = (bars == pictures._BLUE).all(-1).sum(0)[6:]
    assert height.min() >= 0.9 * pictures._HISTOGRAM
    assert ramp[1:-1, 0] == pytest.approx(np.linspace(0, 255, len(ramp) - 2), abs=4)


@pytest.mark.parametrize("value", [0.0, 0.5, -1000.0])
def test_a_slice_of_one_value_can_be_drawn(value):
    voxels = np.full((3, 20, 20), value, np.int16)
    pictures.draw_chain(
        Volume(voxels, np.diag([-1.0, -1, 1, 1])), Chain.model_validate([{"step": "min_max"}, STACK]), None, ""
    )


@pytest.mark.parametrize("name", ["ahmad", "dhanush", "elmenabawy", "kulkarni", "li"])
def test_every_published_chain_can_be_drawn(small_phantom, name):
    image, number = pictures.draw_chain(small_phantom.volume, named(name), None, name)
    again, _ = pictures.draw_chain(small_phantom.volume, named(name), number, name)
    assert image.mode == "RGB"
    assert max(image.size) < 2000
    assert image.tobytes() == again.tobytes()


def test_a_long_chain_is_drawn_in_rows_that_fit_a_screen(small_phantom):
    narrow, _ = pictures.draw_chain(small_phantom.volume, Chain.model_validate([WINDOW] * 3), 20, "")
    long, _ = pictures.draw_chain(
        small_phantom.volume, Chain.model_validate([{"step": "crop_to_body"}, *[WINDOW] * 12]), 20, ""
    )
    assert long.width < 1500
    assert long.height > 2 * narrow.height
