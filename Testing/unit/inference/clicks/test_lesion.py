import itertools

import numpy as np
import pytest
import torch
from support.click_cases import LESIONS, LIVER_HU, Darker, ball, click_model, clicked_ct, dice, ras, seen_while
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.clicks.lesion import NO_LESION_SEEN, Known, find_lesion
from LiverTumorSegLib.models.description import CLICK_CHANNELS


@pytest.fixture(scope="module")
def ct():
    return clicked_ct()


@pytest.fixture
def model():
    return click_model()


def click(ct, model, *names, outside=(), **known):
    places = [LESIONS[name][0] if isinstance(name, str) else name for name in names]
    return find_lesion(ct, model, [ras(each) for each in places], [ras(each) for each in outside], Known(**known))


@pytest.mark.parametrize("name", LESIONS)
def test_one_click_marks_the_lesion_that_it_is_in(ct, model, name):
    found = click(ct, model, name)
    assert dice(found.mask, ball(*LESIONS[name])) > 0.93
    assert found.probability > 0.9
    assert found.warnings == ()
    assert found.ml == pytest.approx(4.19 * LESIONS[name][1] ** 3 / 1000, rel=0.1)


def test_a_large_lesion_is_looked_at_from_further_away(ct, model):
    assert click(ct, model, "small").zoom == 1
    assert click(ct, model, "large").zoom == 2


class Shy(Darker):
    """Sees from nearby no more than what is just around the click."""

    def logits(self, slices):
        near = (slices[:, 6:] > 0) | (slices[:, 1:2] > 0)
        return torch.where(near, super().logits(slices), -10.0)


def test_a_speck_that_looks_as_what_is_around_it_is_looked_at_from_further_away(ct):
    found = click(ct, click_model(Shy()), "large", liver_hu=float(LIVER_HU))
    assert found.zoom == 2
    assert dice(found.mask, ball(*LESIONS["large"])) > 0.9
    centre, radius = LESIONS["large"]
    beside = (centre[0], centre[1] + radius - 4, centre[2])
    ended = click(ct, click_model(Shy()), "large", outside=[beside], liver_hu=float(LIVER_HU))
    assert ended.zoom == 1


def test_what_has_the_liver_around_it_or_is_as_dense_is_not_a_part_of_more(ct):
    assert click(ct, click_model(Shy()), (50.0, 45.0, 53.0), liver_hu=float(LIVER_HU)).zoom == 1
    assert click(ct, click_model(Shy()), (30.0, 20.0, 20.0), liver_hu=float(LIVER_HU)).zoom == 1


def test_any_order_and_sense_of_the_axes_gives_the_same_lesion(ct, model):
    expected = click(ct, model, "small").mask
    for axes, flips in itertools.product([(0, 1, 2), (2, 0, 1), (1, 2, 0)], [(False,) * 3, (True, False, True)]):
        other = reordered(ct, axes, flips)
        as_found = reordered(Volume(expected.astype(np.int16), ct.affine), axes, flips).voxels.astype(bool)
        np.testing.assert_array_equal(click(other, model, "small").mask, as_found)


def test_a_click_outside_cuts_what_hangs_on_it(model):
    ct = clicked_ct()
    ct.voxels[:] = LIVER_HU
    left, right = (50.0, 45.0, 40.0), (50.0, 45.0, 56.0)
    for centre in (left, right):
        ct.voxels[ball(centre, 6.0)] = 50
    ct.voxels[25, 49:52, 48:60] = 50
    joined = click(ct, model, left)
    assert joined.mask[ball(right, 4.0)].all()
    cut = click(ct, model, left, outside=[(50.0, 45.0, 48.0)])
    assert not cut.mask[ball(right, 4.0)].any()
    assert cut.mask[ball(left, 4.0)].all()


def test_every_click_is_on_its_side(ct, model):
    centre, radius = LESIONS["small"]
    beside = (centre[0], centre[1], centre[2] + radius + 3)
    deep_inside = (centre[0], centre[1] - 3, centre[2])
    found = click(ct, model, "small", beside, outside=[deep_inside])
    assert found.mask[_voxel(beside)]
    assert not found.mask[_voxel(deep_inside)]


def test_where_the_network_sees_nothing_the_likeliest_part_is_marked_and_doubted(ct, model):
    found = click(ct, model, (30.0, 100.0, 30.0))
    assert NO_LESION_SEEN in found.warnings
    assert found.probability < 0.5
    assert found.part.sum() > 0


def test_the_liver_s_median_makes_a_lesion_dark(ct, model):
    """With the liver known to be as dark as the lesion, nothing is darker."""
    labels = np.zeros(ct.voxels.shape, np.uint8)
    labels[ball(*LESIONS["small"])] = 1
    assert NO_LESION_SEEN in click(ct, model, "small", labels=labels).warnings
    labels[:] = 1
    assert click(ct, model, "small", labels=labels).warnings == ()


def test_the_network_sees_clicks_what_was_there_and_what_another_model_says(ct, model):
    previous = ball(*LESIONS["small"])
    automatic = np.where(previous, FULL_PROBABILITY // 4, 0).astype(np.uint16)
    labels = np.ones(ct.voxels.shape, np.uint8)
    seen = seen_while(lambda: click(ct, model, "small", previous=previous, automatic=automatic, labels=labels)).float()
    by_name = dict(zip(CLICK_CHANNELS, seen[0], strict=True))
    middle = tuple(n // 2 for n in seen.shape[2:])
    assert by_name["previous"][middle] == pytest.approx(1, abs=0.02)
    assert by_name["automatic"][middle] == pytest.approx(0.25, abs=0.01)
    assert by_name["automatic is known"].all()
    assert by_name["inside"].max() > 0.6
    assert by_name["image"][0, 0, 0] == pytest.approx(0, abs=0.02)


def test_what_was_there_before_decides_how_far_away_the_first_look_is(ct, model):
    assert len(seen_while(lambda: click(ct, model, "large", previous=ball(*LESIONS["large"])))) == 1


def test_a_lesion_beyond_the_farthest_look_is_said_to_go_on(model):
    ct = clicked_ct()
    ct.voxels[:] = LIVER_HU
    ct.voxels[10:50] = 50
    small = model.description.model_copy(
        update={"clicks": model.description.clicks.model_copy(update={"zooms": (1.0,)})}
    )
    labels = np.where(ct.voxels == LIVER_HU, 1, 0).astype(np.uint8)
    found = find_lesion(ct, type(model)(small, model.network), [ras((60.0, 60.0, 60.0))], known=Known(labels=labels))
    assert any("may reach beyond the 48 mm" in each for each in found.warnings)


@pytest.mark.parametrize(
    ("inside", "outside", "sentence"),
    [
        ([], [(0, 0, 0)], "no click into a lesion"),
        ([(500.0, 0.0, 0.0)], [], "outside the CT"),
        ([(float("nan"), 0.0, 0.0)], [], "is not a position"),
        ([(-45.0, -40.0, 50.0)], [(-45.0, -40.0, 50.0)], "as inside and as outside"),
    ],
)
def test_clicks_that_cannot_be_meant_are_refused(ct, model, inside, outside, sentence):
    with pytest.raises(UserError, match=sentence):
        find_lesion(ct, model, inside, outside)


def test_air_is_no_lesion(model):
    ct = clicked_ct()
    ct.voxels[:, :40] = -1000
    with pytest.raises(UserError, match="There is air at the click"):
        click(ct, model, (50.0, 10.0, 50.0))


def test_a_model_for_whole_cts_takes_no_clicks(ct, thresholds):
    with pytest.raises(UserError, match="segments whole CTs"):
        click(ct, thresholds, "small")


def test_it_can_be_cancelled(ct, model):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        find_lesion(ct, model, [ras(LESIONS["small"][0])], cancel=token)


def test_the_ct_and_what_is_known_stay_as_they_are(ct, model):
    before, previous = ct.voxels.copy(), ball(*LESIONS["small"])
    kept = previous.copy()
    click(ct, model, "small", previous=previous)
    np.testing.assert_array_equal(ct.voxels, before)
    np.testing.assert_array_equal(previous, kept)
    assert torch.is_grad_enabled()


def _voxel(place):
    return tuple(round(at / mm) for at, mm in zip(place, (2.0, 0.9, 0.9), strict=True))


def test_a_network_that_answers_with_nan_is_refused(ct, model, monkeypatch):
    answer = type(model.network).forward
    monkeypatch.setattr(type(model.network), "forward", lambda *given: answer(*given) * float("nan"))
    with pytest.raises(UserError, match="not finite"):
        click(ct, model, "small")
