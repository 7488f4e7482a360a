from dataclasses import replace

import numpy as np
import pytest
from support.follow_up_cases import compared, earlier, later

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.matching import Link
from LiverTumorSegLib.follow_up.pair_edits import EDITS_FILE, add_edits, lesion_at, read_edits, write_edits
from LiverTumorSegLib.follow_up.scan import Scan


def alone(relation):
    """Numbers of a lesion that has no partner."""
    link = next(link for link in compared().links if link.relation == relation)
    return (link.earlier or link.later)[0]


def one_to_one():
    """Numbers of two lesions that were found to be one."""
    link = next(link for link in compared().links if link.relation == "one")
    return link.earlier[0], link.later[0]


def segmented_again(scan, without):
    """The same CT with a lesion less, so that those behind it have other numbers, as if nothing were paired."""
    labels = np.where(scan.numbers == without, 1, scan.labels).astype(np.uint8)
    return Scan.measured("renamed.nii.gz", scan.volume, labels)


def unpaired(before, after):
    links = [Link((), (one.number,), "new", "likely") for one in after.table.lesions]
    links += [Link((one.number,), (), "gone", "likely") for one in before.table.lesions]
    return replace(compared(), earlier=before, later=after, links=tuple(links))


def by_hand(comparison):
    return {(link.earlier, link.later) for link in comparison.links if link.by_hand}


def test_what_was_said_is_read_as_it_was_written(tmp_path):
    found = compared().with_pair(alone("gone"), alone("new")).without_pair(*one_to_one())
    write_edits(tmp_path / EDITS_FILE, found.edits)
    assert read_edits(tmp_path / EDITS_FILE) == found.edits
    assert compared().with_edits(found.edits).links == found.links
    with pytest.raises(UserError, match="exists already"):
        write_edits(tmp_path / EDITS_FILE, found.edits)


def test_it_holds_for_the_same_lesions_whatever_their_numbers_and_the_files_names_are():
    said = compared().with_pair(4, 3).edits
    again = unpaired(segmented_again(earlier(), without=1), segmented_again(later(), without=2))
    found = again.with_edits(said)
    assert by_hand(found) == {((3,), (2,))}
    assert found.edits == said
    assert found.remarks == ()


def test_what_cannot_be_said_any_more_is_a_note_and_is_kept():
    said = compared().with_pair(alone("gone"), alone("new")).edits
    lost = unpaired(earlier(), segmented_again(later(), without=alone("new"))).with_edits(said)
    assert by_hand(lost) == set()
    assert "What you said of a pair was left out: no lesion is marked any more" in lost.notes[-1]
    assert lost.edits == said
    there = compared().was_there(alone("new")).edits
    paired = compared().with_pair(alone("gone"), alone("new"))
    assert "is paired with an earlier one now" in paired.with_edits(there).notes[-1]


def test_it_does_not_hold_for_other_cts():
    said = compared().with_pair(alone("gone"), alone("new")).edits
    other = replace(later().volume, voxels=later().volume.voxels + 1)
    assert replace(compared(), later=replace(later(), volume=other)).with_edits(said).edits == ()


def test_of_two_words_about_the_same_lesions_the_last_one_counts():
    before, after = alone("gone"), alone("new")
    paired = compared().with_pair(before, after)
    taken_back = paired.without_pair(before, after)
    assert [edit.kind for edit in add_edits(paired.edits, taken_back.edits)] == ["unpair"]
    assert compared().with_edits(taken_back.edits).links == compared().links


def test_a_pair_that_was_found_becomes_the_users_where_it_is_confirmed():
    before, after = one_to_one()
    assert by_hand(compared().with_pair(before, after)) == {((before,), (after,))}


def test_a_lesion_is_found_a_little_beside_the_place():
    scan = earlier()
    i, j, k = scan.table.lesions[0].inside_voxel
    assert lesion_at(scan, (i, j, k)) == 1
    row = np.flatnonzero(scan.numbers[k, j] == 1)[0]
    assert lesion_at(scan, (int(row) - 1, j, k)) == 1
    assert lesion_at(scan, (-1, 0, 0)) is None
    assert lesion_at(scan, (0, 0, 0)) is None


@pytest.mark.parametrize(
    "line", ["pair,1,2,1 2,3 4 5,a,b", "maybe,1,2,1 2 3,3 4 5,a,b", "pair", "pair,x,2,1 2 3,1 2 3,a,b"]
)
def test_a_line_that_says_nothing_is_named(tmp_path, line):
    file = tmp_path / EDITS_FILE
    file.write_text(f"said,lesion_before,lesion_after,voxel_before,voxel_after,ct_before,ct_after\n{line}\n")
    with pytest.raises(UserError, match=r"pairs.csv, line 2, says nothing of a pair"):
        read_edits(file)
