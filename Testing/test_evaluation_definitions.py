import pytest

from LiverTumorSegLib.evaluation.case import MEASURES
from LiverTumorSegLib.evaluation.definitions import definitions
from LiverTumorSegLib.evaluation.empties import Empties
from LiverTumorSegLib.evaluation.settings import Settings
from LiverTumorSegLib.evaluation.structures import STRUCTURES

OTHERS = ("dice_per_case", "dice_global", "empties", "interval", "detection", "detected", "burden", "volumes", "size")


@pytest.mark.parametrize("rule", Empties)
def test_every_figure_is_defined_in_words(rule):
    said = definitions(Settings(empties=rule))
    for key in (*MEASURES, *STRUCTURES, *OTHERS, "probabilities"):
        assert said[key].endswith("."), key


def test_definitions_say_what_was_chosen():
    said = definitions(Settings(connectivity=6, tolerance_mm=3.5, iou=0.2, bootstrap=77))
    assert "6-neighbourhood" in said["assd_mm"]
    assert "3.5 mm" in said["surface_dice"]
    assert "above 0.2" in said["detection"]
    assert "above 0.2" in said["detected"]
    assert "77 means" in said["interval"]
    assert definitions(Settings(empties=Empties.WORST))["empties"] != said["empties"]
