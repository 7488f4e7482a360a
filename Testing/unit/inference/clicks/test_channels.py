from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverTumorSegLib.inference.clicks.channels import Surroundings, draw_balls, guess_liver, stack_channels
from LiverTumorSegLib.inference.clicks.patches import Slab
from LiverTumorSegLib.models.description import CLICK_CHANNELS

STEP = (1.5, 1.0, 1.0)


def channel(name, **changes):
    around = Surroundings(torch.full((8, 12, 12), 0.6), 0.5, 2.0)
    options = {"around": around, "inside": [(4, 6, 6)], "outside": [(1, 1, 1)], "previous": None} | changes
    return stack_channels(**options, step_mm=STEP)[CLICK_CHANNELS.index(name)]


def test_a_ball_is_1_in_the_middle_and_ends_after_3_mm():
    drawn = draw_balls([(4.0, 6.0, 6.0)], (9, 12, 12), STEP)
    assert drawn[4, 6, 6] == 1
    assert drawn[4, 6, 8] == pytest.approx(1 / 3)
    assert drawn[4, 6, 9] == 0
    assert drawn[6, 6, 6] == 0


def test_no_click_is_lost_between_large_voxels():
    assert draw_balls([(1.5, 1.5, 1.5)], (4, 4, 4), (8.0, 4.0, 4.0)).max() > 0.3


def test_balls_that_meet_are_as_high_as_the_higher():
    one, other = [(4.0, 6.0, 6.0)], [(4.0, 6.0, 7.0)]
    both = draw_balls([*one, *other], (8, 12, 12), STEP)
    torch.testing.assert_close(both, torch.maximum(*(draw_balls(each, (8, 12, 12), STEP) for each in (one, other))))


def test_the_liver_is_0_in_the_image():
    assert channel("image").mean() == pytest.approx(0.2)


def test_clicks_have_a_channel_a_side():
    assert channel("inside")[4, 6, 6] == 1
    assert channel("outside")[1, 1, 1] == 1
    assert channel("inside")[1, 1, 1] == channel("outside")[4, 6, 6] == 0


def test_what_is_not_known_is_0_and_said():
    assert not channel("previous").any()
    assert not channel("automatic").any()
    assert not channel("automatic is known").any()
    around = Surroundings(torch.zeros(8, 12, 12), 0.5, 1.0, torch.full((8, 12, 12), 0.3))
    assert channel("automatic", around=around).mean() == pytest.approx(0.3)
    assert channel("automatic is known", around=around).all()


def test_the_zoom_is_said():
    assert channel("zoom").unique().tolist() == [0.5]


def test_the_liver_is_guessed_from_soft_tissue_around_a_click():
    pixels = torch.zeros(40, 80, 80)
    pixels[:, 20:60, 20:60] = 0.7
    slab = Slab(pixels, np.arange(40) * 2.0, (0.0, 0.0), (1.0, 1.0))
    assert guess_liver(slab, (40.0, 40.0, 40.0)) == pytest.approx(0.7)
    assert 0.2 < guess_liver(replace(slab, pixels=torch.zeros(40, 80, 80)), (40.0, 40.0, 40.0)) < 0.95
