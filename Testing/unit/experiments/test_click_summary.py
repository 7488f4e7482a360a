import pytest

from LiverTumorSegLib.experiments.click_measures import LesionClicks
from LiverTumorSegLib.experiments.click_summary import HEAD, PATIENTS, click_markdown, click_rows, summarise_clicks


def clicks(*dice, diameter=15.0, scatter=0.0, automatic=False):
    return LesionClicks(diameter_mm=diameter, scatter_mm=scatter, automatic=automatic, dice=dice, seconds=0.1)


PEOPLE = {
    "a": [clicks(0.4, 0.6, 0.8, 0.8, 0.9, diameter=8), clicks(0.9, 0.9, 0.9, 0.9, 0.9, diameter=30)],
    "b": [clicks(0.6, 0.7, 0.7, 0.7, 0.7), clicks(0.0, 0, 0, 0, 0, scatter=3.0)],
    "c": [],
}


def test_means_are_by_size_by_lesion_and_by_patient():
    exact = summarise_clicks(PEOPLE)["exact"]
    assert exact["all lesions"]["count"] == 3
    assert exact["all lesions"]["dice_1"]["mean"] == pytest.approx(1.9 / 3)
    assert exact["from 10 mm"]["dice_1"]["mean"] == pytest.approx(0.75)
    assert exact[PATIENTS]["dice_1"]["mean"] == pytest.approx((0.65 + 0.6) / 2)
    assert exact[PATIENTS]["count"] == 2
    assert exact["under 10 mm"]["failed"]["mean"] == 1
    assert exact["from 20 mm"]["needed"] == 1
    assert exact["all lesions"]["good"]["mean"] == pytest.approx(2 / 3)
    assert exact["10 to 20 mm"]["needed"] is None


def test_scattered_clicks_and_those_with_another_model_s_probabilities_are_turns_of_their_own():
    turns = summarise_clicks({"a": [*PEOPLE["b"], clicks(1, 1, 1, 1, 1, automatic=True)]})
    assert list(turns) == ["exact", "scattered by 3 mm", "exact, with automatic probabilities"]
    assert turns["scattered by 3 mm"]["all lesions"]["dice_1"]["mean"] == 0
    assert "from 20 mm" not in turns["exact"]


def test_two_scans_of_a_person_count_as_one_patient():
    figures = summarise_clicks({"volume-3": PEOPLE["a"], "liver_3": PEOPLE["b"][:1]})["exact"]
    assert figures[PATIENTS]["count"] == 1
    assert figures["all lesions"]["dice_1"]["patients"] == 1


def test_the_table_has_a_row_a_group_with_intervals_by_patient():
    figures = summarise_clicks(PEOPLE)
    rows = click_rows(figures)
    assert all(len(row) == len(HEAD) for row in rows)
    (everything,) = (row for row in rows if row[:2] == ("exact", "all lesions"))
    assert everything[2:4] == ("3", "0.63 (0.60–0.65)")
    assert everything[-3:] == ("67 %", "2.0", "33 %")
    page = click_markdown("lesion-click", figures)
    assert page.startswith("## lesion-click: lesions by clicks")
    assert "| exact | by patient | 2 | 0.62" in page


def test_recipes_without_clicks_have_no_table():
    assert summarise_clicks({"a": [], "b": []}) == {}
