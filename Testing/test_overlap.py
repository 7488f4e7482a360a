import numpy as np
import pytest

from LiverTumorSegLib.evaluation.overlap import dice


def test_dice_of_small_cases_by_hand():
    a, b = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 1], bool)
    assert dice(a, b) == pytest.approx(2 * 1 / 5)
    assert dice(a, a) == 1
    assert dice(a, np.zeros(4, bool)) == 0
    assert dice(np.zeros(4, bool), np.zeros(4, bool)) is None
