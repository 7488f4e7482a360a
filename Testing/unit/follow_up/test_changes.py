from math import log

import pytest
from support.follow_up_cases import lesion

from LiverTumorSegLib.follow_up.changes import Change, compare
from LiverTumorSegLib.follow_up.matching import Link

ONE = Link((1,), (1,), "one", "certain")


def change(before, after, days=None, link=ONE):
    return Change(link, tuple(before), tuple(after), days)


def test_change_is_said_in_millilitres_millimetres_and_percent():
    found = change([lesion(1, 20, 4)], [lesion(1, 30, 12)])
    assert found.ml == (4, 12)
    assert found.ml_percent == pytest.approx(200)
    assert found.diameter_percent == pytest.approx(50)
    assert found.kind == "larger"
    assert change([lesion(1, 30, 12)], [lesion(1, 20, 4)]).kind == "smaller"


@pytest.mark.parametrize(
    ("after", "unchanged"),
    [
        (lesion(1, 24.9, 4), True),  # less than 5 mm
        (lesion(1, 23.9, 5.3), True),
        (lesion(1, 20, 5.5), False),  # more than 35 % of the volume
        (lesion(1, 20, 2.9), False),
        (lesion(1, 26, 4), False),
    ],
)
def test_what_two_readings_differ_by_is_unchanged(after, unchanged):
    assert change([lesion(1, 20, 4)], [after]).is_within_repeatability == unchanged


def test_lesions_that_split_or_merged_are_added_up():
    split = change(
        [lesion(1, 30, 10)], [lesion(1, 20, 5), lesion(2, 15, 4)], link=Link((1,), (1, 2), "split", "likely")
    )
    assert split.diameter_mm == (30, 35)
    assert split.kind == "split, unchanged"
    merged = change(
        [lesion(1, 20, 5), lesion(2, 15, 4)], [lesion(1, 60, 30)], link=Link((1, 2), (1,), "merged", "likely")
    )
    assert merged.kind == "merged, larger"


def test_growth_needs_days_and_doubling_needs_a_change_for_certain():
    before, after = [lesion(1, 20, 4)], [lesion(1, 30, 16)]
    assert change(before, after).growth_rate is None
    grown = change(before, after, 100)
    assert grown.growth_rate == pytest.approx(log(4))
    assert grown.doubling_days == pytest.approx(50)
    assert change(after, before, 100).doubling_days == pytest.approx(-50)
    assert change(before, before, 100).doubling_days is None
    assert change([lesion(1, 20, 4)], [lesion(1, 40, 4)], 100).doubling_days is None


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("new", "new"),
        ("was there", "was there, not marked"),
        ("not covered", "not covered by the other CT"),
        ("gone", "not found any more"),
    ],
)
def test_what_has_no_partner_is_said(relation, words):
    gone = relation == "gone"
    link = Link((1,) if gone else (), () if gone else (1,), relation, "likely")
    found = change([lesion(1)] if gone else [], [] if gone else [lesion(1)], 10, link)
    assert found.kind == words
    assert found.growth_rate is None
    assert not found.is_within_repeatability


def test_rows_take_their_lesions_by_number():
    links = (Link((2,), (1,), "one", "certain"), Link((), (2,), "new", "likely"), Link((1,), (), "gone", "likely"))
    rows = compare(links, [lesion(1, 30), lesion(2, 20)], [lesion(1, 22), lesion(2, 9)], 7)
    assert [[one.axial_diameter_mm for one in row.before] for row in rows] == [[20], [], [30]]
    assert [[one.axial_diameter_mm for one in row.after] for row in rows] == [[22], [9], []]
