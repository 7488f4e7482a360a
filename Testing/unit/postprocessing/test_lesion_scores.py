import numpy as np
import pytest
from pydantic import ValidationError
from support.lesion_scores import POINTS, scores

from LiverTumorSegLib.postprocessing.candidates import MEASURES
from LiverTumorSegLib.postprocessing.lesion_scores import LesionScores, point_for


def test_the_probability_is_that_of_the_regression():
    found = scores(contrast_hu=(-20.0, 10.0, -1.5)).probabilities(np.zeros((1, len(MEASURES))))
    assert found == pytest.approx([1 / (1 + np.exp(-(0.5 + -1.5 * 2)))])


def test_measures_without_weight_say_nothing():
    rows = np.random.default_rng(0).normal(size=(5, len(MEASURES)))
    assert scores().probabilities(rows) == pytest.approx([1 / (1 + np.exp(-0.5))] * 5)


@pytest.mark.parametrize(("sensitivity", "least"), [(0, 0.9), (0.4, 0.9), (0.5, 0.6), (1, 0.6), (2.5, 0.2), (99, 0.2)])
def test_the_point_is_the_one_that_finds_most_within_what_is_put_up_with(sensitivity, least):
    assert point_for(POINTS, sensitivity).least_probability == least


def test_where_even_the_strictest_is_too_much_it_is_the_strictest():
    assert point_for(POINTS[1:], 0.1) == POINTS[1]


@pytest.mark.parametrize("change", ["order", "missing", "points"])
def test_numbers_that_do_not_belong_together_are_refused(change):
    content = scores().model_dump()
    if change == "order":
        content["measures"] = content["measures"][::-1]
    elif change == "missing":
        content["measures"] = content["measures"][1:]
    else:
        content["points"] = content["points"][::-1]
    with pytest.raises(ValidationError, match="in this order" if change != "points" else "the points run from"):
        LesionScores.model_validate(content)


def test_json_gives_the_same_back():
    assert LesionScores.model_validate_json(scores().model_dump_json(), strict=True) == scores()
