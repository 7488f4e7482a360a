import numpy as np
import pytest
from scipy import ndimage

from LiverTumorSegLib.training.clicks.bases import outline_to_improve

STEP_MM = (1.5, 1.0, 1.0)
LESION = np.zeros((32, 48, 48), bool)
LESION[10:20, 16:32, 16:32] = True


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_an_outline_is_wrong_by_some_millimetres_here_more_and_there_less():
    outlines = [outline_to_improve(LESION, None, STEP_MM, np.random.default_rng(seed)) for seed in range(30)]
    found = [dice(each, LESION) for each in outlines]
    assert 0.5 < np.mean(found) < 0.95
    assert np.std(found) > 0.03
    assert {bool(each.sum() > LESION.sum()) for each in outlines} == {False, True}
    away = ndimage.distance_transform_edt(~LESION, STEP_MM)
    assert max(away[each].max() for each in outlines) < 15


def test_an_outline_is_another_model_s_in_half_of_the_samples_where_that_found_the_lesion():
    likely = np.zeros(LESION.shape, np.float32)
    likely[12:18, 18:36, 18:36] = 0.9
    likely[2:4, 2:6, 2:6] = 0.9
    of_model = np.zeros_like(LESION)
    of_model[12:18, 18:36, 18:36] = True
    same = [
        np.array_equal(outline_to_improve(LESION, likely, STEP_MM, np.random.default_rng(seed)), of_model)
        for seed in range(40)
    ]
    assert 0.25 < np.mean(same) < 0.75


@pytest.mark.parametrize("seed", range(5))
def test_a_tiny_lesion_keeps_some_outline(seed):
    tiny = np.zeros_like(LESION)
    tiny[10, 20:22, 20:22] = True
    assert outline_to_improve(tiny, None, STEP_MM, np.random.default_rng(seed)).any()
