import pytest

from LiverTumorSegLib.evaluation.case import MEASURES, EvaluationSettings
from LiverTumorSegLib.evaluation.label_pair import STRUCTURES
from LiverTumorSegLib.evaluation.overlap import Empties
from LiverTumorSegLib.evaluation.summary import define_measures

OTHERS = ("dice_per_case", "dice_global", "empties", "interval", "detection", "detected", "burden", "volumes", "size")


@pytest.mark.parametrize("rule", Empties)
def test_every_figure_is_defined_in_words(rule):
    said = define_measures(EvaluationSettings(empties=rule))
    for key in (*MEASURES, *STRUCTURES, *OTHERS, "probabilities"):
        assert said[key].endswith("."), key


def test_definitions_say_what_was_chosen():
    said = define_measures(EvaluationSettings(connectivity=6, tolerance_mm=3.5, iou=0.2, bootstrap=77))
    assert "6-neighbourhood" in said["assd_mm"]
    assert "3.5 mm" in said["surface_dice"]
    assert "above 0.2" in said["detection"]
    assert "above 0.2" in said["detected"]
    assert "77 means" in said["interval"]
    assert define_measures(EvaluationSettings(empties=Empties.WORST))["empties"] != said["empties"]
