import re
import threading
from html import unescape
from xml.parsers import expat

import matplotlib as mpl
import numpy as np
import pytest

from LiverTumorSegLib.evaluation import charts
from LiverTumorSegLib.evaluation.charts import anchors_of, bland_altman, curves, distribution


def cases(count):
    return {f"case {number}": number / count for number in range(count)}


def dots(svg):
    return re.findall(r'<a href="#(case-\d+)"', svg)


def dice(values, title="Dice"):
    names = {name for row in values.values() for name in row}
    return distribution(values, title, anchors_of(sorted(names)), higher_is_better=True)


def agreement(volumes, lower=-10.0, upper=12.0):
    return {"bias_ml": 1.0, "lower_ml": lower, "upper_ml": upper, "cases": volumes}


def test_every_case_is_a_dot_that_leads_to_its_row():
    values = cases(7)
    svg = dice({"liver": values, "lesion": values | {"case 0": None}})
    assert sorted(dots(svg)) == sorted([f"case-{n}" for n in range(1, 8)] + [f"case-{n}" for n in range(2, 8)])


def test_of_many_cases_the_worst_are_dots_and_a_chart_stays_small(monkeypatch):
    monkeypatch.setattr(charts, "DOTS", 5)
    values = cases(50)
    anchors = anchors_of(values)
    worst = {"best": dots(distribution({"liver": values}, "Dice", anchors, higher_is_better=True))}
    worst["last"] = dots(distribution({"liver": values}, "ASSD, mm", anchors, higher_is_better=False))
    assert set(worst["best"]) == {f"case-{n}" for n in range(1, 6)}
    assert set(worst["last"]) == {f"case-{n}" for n in range(46, 51)}


def test_a_chart_of_thousands_of_cases_stays_small():
    values = cases(3000)
    svg = dice(dict.fromkeys(("liver", "liver_only", "lesion"), values))
    assert len(svg) < 400_000


@pytest.mark.parametrize("values", [{"liver": {}, "lesion": {}}, {"liver": {"a": None}}])
def test_without_a_value_there_is_no_chart(values):
    assert dice(values) == ""


def test_a_structure_without_values_is_said_to_have_none():
    assert "not defined in any case" in dice({"liver": {"a": 0.5}, "lesion": {"a": None}})
    assert "not defined in any case" not in dice({"liver": {"a": 0.5}, "lesion": {"a": 0.1}})


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [3.0, 500.0], [0.001, 1e4]])
def test_distances_of_any_size_are_drawn(values):
    named = {str(number): value for number, value in enumerate(values)}
    svg = distribution({"liver": named}, "HD95, mm", anchors_of(named), higher_is_better=False)
    assert len(dots(svg)) == len(values)
    expat.ParserCreate().Parse(svg, True)  # well-formed


def test_a_chart_says_what_it_is_and_names_its_dots_without_running_them():
    values = {"<script>alert(1)</script> & \"'": 0.5}
    svg = dice({"liver": values})
    expat.ParserCreate().Parse(svg, True)  # well-formed
    assert 'role="img" aria-label="Dice of each case"' in svg
    assert "<script" not in svg
    assert [unescape(title) for title in re.findall("<title>(.*?)</title>", svg)] == list(values)


def test_the_same_values_give_the_same_text_which_loads_nothing():
    values = {"liver": cases(9)}
    first = dice(values)
    np.random.default_rng().random()
    assert first == dice(values)
    assert not re.findall(r'href="(?!#)|url\((?!#)|<style|<metadata|<text', first)


def test_ids_of_charts_in_one_page_do_not_meet():
    values = {"liver": cases(3)}
    ids = [set(re.findall(r'\bid="([^"]+)"', dice(values, title))) for title in ("Dice", "Surface Dice")]
    assert all(ids)
    assert not ids[0] & ids[1]
    svg = dice(values)
    used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', svg))
    assert used <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_drawing_changes_no_setting_of_matplotlib():
    before = dict(mpl.rcParams)
    dice({"liver": cases(3)})
    assert dict(mpl.rcParams) == before


def test_volumes_are_drawn_as_difference_over_mean_with_their_limits():
    volumes = {"a": [110.0, 100.0], "b": [90.0, 100.0], "c": [100.0, 100.0]}
    svg = bland_altman(agreement(volumes), "liver", anchors_of(volumes))
    places = {
        found[1]: (float(found[2]), float(found[3]))
        for found in re.finditer(r'href="#(case-\d)".*?<use [^>]*?x="([\d.]+)" y="([\d.]+)"', svg, re.DOTALL)
    }
    (ax, ay), (bx, by), (cx, cy) = (places[f"case-{n}"] for n in (1, 2, 3))
    assert ax > cx > bx  # means 105, 100, 95
    assert ay < cy < by  # differences 10, 0, -10, upwards
    assert ay + by == pytest.approx(2 * cy, abs=0.01)
    for words in ("+1.96 SD", "mean", "−1.96 SD", "+12.0", "−10.0"):
        assert words in svg


def test_one_case_has_no_limits_and_none_has_no_chart():
    assert "1.96" not in bland_altman(agreement({"a": [1.0, 2.0]}, None, None), "lesion", {"a": "case-1"})
    assert bland_altman(agreement({}), "lesion", {}) == ""


@pytest.mark.parametrize("kind", charts.KINDS)
def test_curves_are_drawn_of_the_structures_that_have_them(kind):
    given = {"liver": {kind: [[0, 0, 5], [0.5, 0.7, 5], [1, 1, 5]]}, "lesion": {kind: []}}
    svg = curves(given, kind)
    assert "<!-- liver -->" in svg
    assert "<!-- lesion -->" not in svg
    assert curves({"lesion": {kind: []}}, kind) == curves({}, kind) == ""


def test_charts_can_be_drawn_beside_the_main_thread():
    drawn = []
    thread = threading.Thread(target=lambda: drawn.append(dice({"liver": {"a": 0.5}})))
    thread.start()
    thread.join()
    assert drawn[0].startswith("<svg")


def test_lines_have_names_and_nothing_is_no_chart():
    svg = charts.lines({"held out": [(0, 1.0), (10, 0.5)], "trained on": [(0, 1.0)]}, "Loss", "step", "loss")
    assert svg.startswith("<svg")
    assert 'aria-label="Loss"' in svg
    assert charts.lines({"held out": []}, "Loss", "step", "loss") == ""


def test_marked_lines_have_their_points_and_shares_the_diagonal():
    points = {"held out": [(0.0, 0.0), (0.5, 0.9), (1.0, 1.0)]}
    plain, marked, share = (
        charts.lines(points, "A", "b", "c", **options) for options in ({}, {"marked": "held"}, {"share": True})
    )
    assert marked.count("<use") > plain.count("<use")
    assert share.count("<path") > plain.count("<path")
