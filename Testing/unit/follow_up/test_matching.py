import numpy as np
import pytest

from LiverTumorSegLib.follow_up.matching import Places, match

SHAPE = (20, 40, 60)


def blobs(*places):
    numbers = np.zeros(SHAPE, np.uint16)
    for number, (column, width) in enumerate(places, start=1):
        numbers[5:15, 10:20, column : column + width] = number
    return numbers


def linked(earlier, later, spacing=(1.0, 1.0, 1.0), **changes):
    every = {"every_earlier": sorted(set(np.unique(earlier)) - {0}), "every_later": sorted(set(np.unique(later)) - {0})}
    return match(Places(earlier, later, spacing, **(every | changes)))


def said(links):
    return [(link.earlier, link.later, link.relation, link.grade) for link in links]


def test_lesions_that_lie_over_each_other_are_one():
    links = linked(blobs((2, 10), (30, 10)), blobs((3, 10), (30, 12)))
    assert said(links) == [((1,), (1,), "one", "certain"), ((2,), (2,), "one", "certain")]


def test_two_that_one_covers_have_merged_and_one_that_two_lie_in_has_split():
    two, one = blobs((2, 8), (12, 8)), blobs((2, 18))
    assert said(linked(two, one)) == [((1, 2), (1,), "merged", "likely")]
    assert said(linked(one, two)) == [((1,), (1, 2), "split", "likely")]


def test_many_to_many_are_left_to_the_user():
    links = linked(blobs((2, 10), (14, 10)), blobs((2, 4), (8, 10), (20, 4)))
    assert said(links) == [((1, 2), (1, 2, 3), "unclear", "check")]


def test_a_lesion_that_only_grazes_another_ones_partner_is_its_own():
    links = linked(blobs((2, 10), (12, 20)), blobs((2, 11), (13, 19)))
    assert said(links) == [((1,), (1,), "one", "certain"), ((2,), (2,), "one", "certain")]


def test_near_ones_without_an_overlap_are_paired_to_be_checked_and_far_ones_are_not():
    assert said(linked(blobs((2, 5)), blobs((10, 5)))) == [((1,), (1,), "one", "check")]
    assert said(linked(blobs((2, 5)), blobs((20, 5)))) == [((), (1,), "new", "likely"), ((1,), (), "gone", "likely")]
    assert [link.relation for link in linked(blobs((2, 5)), blobs((10, 5)), (1.0, 1.0, 3.0))] == ["new", "gone"]


def test_what_the_other_scan_does_not_show_is_neither_new_nor_gone():
    links = linked(blobs((2, 5)), blobs((40, 5)), unseen_earlier=frozenset({1}), unseen_later=frozenset({1}))
    assert {link.relation for link in links} == {"not covered"}


@pytest.mark.parametrize("empty", ["earlier", "later", "both"])
def test_without_lesions_nothing_is_paired(empty):
    none, some = np.zeros(SHAPE, np.uint16), blobs((2, 5))
    links = linked(none if empty != "later" else some, none if empty != "earlier" else some)
    assert [link.relation for link in links] == {"earlier": ["new"], "later": ["gone"], "both": []}[empty]


def test_every_lesion_is_in_one_link_whatever_there_is():
    rng = np.random.default_rng(0)
    for _ in range(30):
        one, other = (np.kron(rng.integers(0, 6, (2, 4, 6)), np.ones((10, 10, 10))).astype(np.uint16) for _ in "ab")
        links = linked(one, other)
        for side, numbers in (("earlier", one), ("later", other)):
            found = [number for link in links for number in getattr(link, side)]
            assert sorted(found) == sorted(set(np.unique(numbers)) - {0})
