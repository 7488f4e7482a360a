import pytest
from support.follow_up_cases import lesion

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.changes import Change
from LiverTumorSegLib.follow_up.matching import Link
from LiverTumorSegLib.follow_up.recist import add_diameters, check_targets, choose_targets, measurable_mm


def rows(*pairs):
    """Changes of target lesions with these diameters before and after."""
    return [
        Change(Link((n,), (n,) if after else (), "one" if after else "gone", "certain"),
               (lesion(n, before),), (lesion(n, after),) if after else ())
        for n, (before, after) in enumerate(pairs, start=1)
    ]  # fmt: skip


def test_targets_are_the_two_largest_that_can_be_measured():
    found = [lesion(1, 14), lesion(2, 31), lesion(3, 9), lesion(4, 22)]
    assert choose_targets(found, 2.5) == (2, 4)
    assert choose_targets(found, 8.0) == (2, 4)
    assert choose_targets(found, 12.0) == (2,)
    assert choose_targets([lesion(1, 9.9)], 2.5) == ()
    assert (measurable_mm(5.0), measurable_mm(7.5)) == (10.0, 15.0)


@pytest.mark.parametrize(
    ("pairs", "sums", "category"),
    [
        ([(100, 70)], (), "partial"),
        ([(100, 71)], (), "stable"),
        ([(100, 119)], (), "stable"),
        ([(100, 120)], (), "progressive"),
        ([(12, 15)], (), "stable"),  # 25 % larger, and less than 5 mm
        ([(100, None)], (), "complete"),
        ([(63, 65)], (165.0,), "partial"),  # EORTC's case: 165, 63, 65
        ([(63, 80)], (165.0,), "progressive"),  # from the smallest sum
        ([(40, 30), (60, 35)], (), "partial"),
        ([(2, 2), (2, 2)], (), "stable"),  # what is smaller than 5 mm counts what it measures
    ],
)
def test_numbers_give_a_category(pairs, sums, category):
    found = add_diameters(rows(*pairs), range(1, len(pairs) + 1), sums)
    assert found.category == category


def test_sums_are_from_the_first_and_from_the_smallest():
    found = add_diameters(rows((63, 65)), [1], [165.0])
    assert (found.baseline_mm, found.nadir_mm, found.now_mm) == (165, 63, 65)
    assert found.from_baseline_percent == pytest.approx(-60.6, abs=0.1)
    assert found.from_nadir_percent == pytest.approx(3.17, abs=0.01)


def test_other_lesions_do_not_count_and_new_ones_are_told():
    new = Change(Link((), (3,), "new", "likely"), (), (lesion(3, 50),))
    found = add_diameters([*rows((30, 30), (20, 90)), new], [1])
    assert (found.now_mm, found.new_lesions, found.category) == (30, 1, "stable")


def test_without_targets_or_without_one_of_their_places_there_is_no_category():
    assert add_diameters(rows((30, 30)), []).category is None
    unseen = Change(Link((2,), (), "not covered", "check"), (lesion(2, 40),), ())
    found = add_diameters([*rows((30, 30)), unseen], [1, 2])
    assert (found.whole, found.category) == (False, None)


@pytest.mark.parametrize(
    ("targets", "sums", "sentence"),
    [
        ([1, 2, 3], [], "3 targets are too many: RECIST 1.1 adds up 2 in one organ"),
        ([4], [], "There is no lesion 4 in the first CT"),
        ([1], [float("nan")], "nan is not a sum of diameters"),
        ([1], [-5.0], "-5 is not a sum of diameters"),
    ],
)
def test_targets_and_sums_that_cannot_be_are_refused(targets, sums, sentence):
    baseline = [lesion(1), lesion(2), lesion(3)]
    check_targets(baseline, [1, 2], [62.5, 0.0])
    with pytest.raises(UserError, match=sentence):
        check_targets(baseline, targets, sums)
