import math

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.case import EvaluationSettings
from LiverTumorSegLib.evaluation.overlap import Empties


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"connectivity": 4}, "A connectivity of 4 is not known: choose 6, 18, 26."),
        ({"tolerance_mm": -1.0}, "The tolerance cannot be -1.0 mm"),
        ({"tolerance_mm": math.nan}, "The tolerance cannot be nan mm"),
        ({"iou": 1.0}, "The IoU cannot be 1.0"),
        ({"bootstrap": 0}, "A bootstrap cannot take 0 resamples"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(choice, said):
    with pytest.raises(UserError, match=said):
        EvaluationSettings(**choice)


def test_settings_are_ready_for_json():
    content = EvaluationSettings(empties=Empties.WORST).to_dict()
    assert content["empties"] == "worst"
    assert type(content["empties"]) is str
    assert content["connectivity"] == 18
