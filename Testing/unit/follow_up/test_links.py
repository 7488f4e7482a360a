import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.links import pair, unpair, was_there
from LiverTumorSegLib.follow_up.matching import Link

LINKS = (Link((1,), (1,), "one", "certain"), Link((), (2,), "new", "likely"), Link((2,), (), "gone", "likely"))


def said(links):
    return [(link.earlier, link.later, link.relation, link.by_hand) for link in links]


def test_what_is_gone_and_what_is_new_can_be_paired_and_taken_apart_again():
    paired = pair(LINKS, 2, 2)
    assert said(paired) == [((1,), (1,), "one", False), ((2,), (2,), "one", True)]
    assert said(unpair(paired, 2, 2))[1:] == [((), (2,), "new", True), ((2,), (), "gone", True)]
    assert pair(paired, 2, 2) == paired


def test_pairing_with_what_is_paired_joins_all_of_them():
    assert said(pair(LINKS, 2, 1))[0] == ((1, 2), (1,), "merged", True)
    assert said(pair(LINKS, 1, 2))[0] == ((1,), (1, 2), "split", True)
    assert said(pair(pair(LINKS, 2, 1), 1, 2)) == [((1, 2), (1, 2), "unclear", True)]


def test_one_is_taken_out_of_several():
    split = (Link((1,), (1, 2, 3), "split", "likely"),)
    assert said(unpair(split, 1, 2)) == [((1,), (1, 3), "split", True), ((), (2,), "new", True)]
    merged = (Link((1, 2), (1,), "merged", "likely"),)
    assert said(unpair(merged, 1, 1)) == [((2,), (1,), "one", True), ((1,), (), "gone", True)]


def test_a_new_one_may_have_been_there():
    assert said(was_there(LINKS, 2))[1] == ((), (2,), "was there", True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: pair(LINKS, 9, 1), "There is no lesion 9 in the earlier CT"),
        (lambda: pair(LINKS, 1, 9), "There is no lesion 9 in the later CT"),
        (lambda: unpair(LINKS, 1, 2), "not paired with lesion 2"),
        (lambda: was_there(LINKS, 1), "paired with an earlier one already"),
    ],
)
def test_what_cannot_be_is_said(change, sentence):
    with pytest.raises(UserError, match=sentence):
        change()
