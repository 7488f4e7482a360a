import numpy as np
import pytest

from LiverTumorSegLib.training.clicks.painting import paint_lesion

STEP = (1.5, 1.0, 1.0)


def painted(seed=0, radius=8.0, liver=None):
    image = np.full((32, 48, 48), 0.7, np.float32)
    liver = np.ones(image.shape, bool) if liver is None else liver
    return image, *paint_lesion(image, liver, (16.0, 24.0, 24.0), radius, STEP, np.random.default_rng(seed))


@pytest.mark.parametrize("radius", [4.0, 8.0, 14.0])
def test_a_lesion_has_about_the_volume_of_its_ball(radius):
    volumes = [painted(seed, radius)[2].sum() * 1.5 for seed in range(20)]
    assert np.mean(volumes) == pytest.approx(4.19 * radius**3, rel=0.35)


def test_a_lesion_is_seen():
    for seed in range(20):
        image, changed, mask = painted(seed)
        assert abs((changed - image)[mask].mean()) > 0.02
        assert abs((changed - image)[:, :6, :6]).max() < 0.01


def test_nothing_is_painted_beside_the_liver():
    liver = np.zeros((32, 48, 48), bool)
    liver[:, :24] = True
    image, changed, mask = painted(liver=liver)
    assert not mask[:, 24:].any()
    np.testing.assert_array_equal(changed[:, 24:], image[:, 24:])


def test_values_stay_in_the_window():
    _, changed, _ = painted()
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_no_two_are_alike():
    assert (painted(1)[2] != painted(2)[2]).any()
