from dataclasses import replace

import numpy as np
import pytest
from support.follow_up_cases import compared, earlier, later

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.follow_up.comparison import SAME_SCAN, compare_scans
from LiverTumorSegLib.follow_up.matching import Link
from LiverTumorSegLib.follow_up.placing import to_later
from LiverTumorSegLib.follow_up.scan import Scan


def relations(comparison):
    return {link.relation: (link.earlier, link.later) for link in comparison.links if link.relation != "one"}


def test_what_grew_what_is_gone_and_what_is_new_is_found():
    found = compared()
    grown = next(change for change in found.changes if change.link.earlier == (2,))
    assert (grown.link.relation, grown.kind) == ("one", "larger")
    assert {change.kind for change in found.changes} == {"larger", "unchanged", "new", "not found any more"}
    assert relations(found)["gone"][0] == (4,)
    assert found.days == 100
    assert found.totals.lesions == (4, 4)
    assert found.notes == ()


def test_lesions_are_measured_in_their_own_scan():
    grown = next(change for change in compared().changes if change.link.earlier == (2,))
    assert grown.before == (earlier().table.lesions[1],)
    assert grown.after[0] in later().table.lesions


def test_any_order_of_the_voxels_gives_the_same_pairs():
    turned = later()
    voxels, affine = turned.volume.voxels[::-1].transpose(1, 0, 2), turned.volume.affine
    flipped = affine.copy()
    flipped[:3, 3] += affine[:3, 2] * (turned.volume.voxels.shape[0] - 1)
    flipped[:3, 2] *= -1
    flipped = flipped[:, [0, 2, 1, 3]]
    labels = turned.labels[::-1].transpose(1, 0, 2)
    other = Scan.measured("turned", Volume(np.ascontiguousarray(voxels), flipped), np.ascontiguousarray(labels))
    found = compare_scans(earlier(), other)
    assert sorted(round(sum(row.ml), 2) for row in found.changes) == sorted(
        round(sum(row.ml), 2) for row in compared().changes
    )
    assert {row.kind for row in found.changes} == {row.kind for row in compared().changes}


def test_the_same_ct_twice_is_a_finished_comparison_with_a_note():
    found = compare_scans(earlier(), replace(earlier(), name="again"))
    assert {change.kind for change in found.changes} == {"unchanged"}
    assert found.notes == (SAME_SCAN,)


def test_a_lesion_whose_place_a_cut_scan_does_not_show_is_not_covered():
    scan = later()
    lost = max(scan.table.lesions, key=lambda one: one.centroid_mm[2]).number
    at = int(np.flatnonzero((scan.numbers == lost).any(axis=(1, 2)))[0])
    cut = Scan.measured("cut", Volume(scan.volume.voxels[:at], scan.volume.affine), scan.labels[:at])
    before = next(link.earlier for link in compared().links if lost in link.later)
    found = compare_scans(earlier(), cut)
    assert next(link.relation for link in found.links if set(link.earlier) & set(before)) == "not covered"
    assert "The later CT ends inside the liver" in found.notes[0]
    assert found.totals.liver_ml == (earlier().table.liver_ml, None)
    assert set(cut.cut_lesions) == set(np.unique(cut.numbers[-1])) - {0}


def test_what_a_user_says_of_a_pair_stays():
    found = compared()
    new, gone = relations(found)["new"][1][0], relations(found)["gone"][0][0]
    paired = found.with_pair(gone, new)
    assert next(link for link in paired.links if link.earlier == (gone,)).by_hand
    assert paired.without_pair(gone, new).links != paired.links
    assert relations(found.was_there(new))["was there"] == ((), (new,))
    with pytest.raises(UserError, match="There is no lesion 99"):
        found.with_pair(99, new)


def test_thick_slices_and_another_phase_are_said():
    scan = earlier()
    thick = np.diag([1.0, 1.0, 2.0, 1.0]) @ scan.volume.affine
    bright = Scan.measured("bright", Volume((scan.volume.voxels + 60).astype(np.int16), thick), scan.labels)
    notes = " ".join(replace(compared(), later=bright).notes)
    assert "The later CT's slices are 7.0 mm apart" in notes
    assert "different phases of contrast" in notes


def test_small_targets_and_other_patients_ids_are_said():
    one = earlier().table.lesions[3].number
    small = replace(earlier().table.lesions[3], axial_diameter_mm=8.1)
    table = replace(earlier().table, lesions=(*earlier().table.lesions[:3], small))
    before = replace(earlier(), table=table, patient="a")
    found = replace(compared(), earlier=before, later=replace(later(), patient="b"), targets=(one,))
    notes = " ".join(found.notes)
    assert "Target lesion 4 measures 8.1 mm at first: RECIST 1.1 takes targets from 10 mm." in notes
    assert "different patient IDs, and were compared as those of one patient" in notes
    assert "Target" not in " ".join(replace(found, earlier_sums=(50.0,)).notes)


def test_livers_that_do_not_fit_are_said():
    scan = earlier()
    small = replace(later(), table=replace(later().table, liver_ml=0.8 * scan.table.liver_ml))
    notes = " ".join(replace(compared(), later=small).notes)
    assert "check that both CTs are of one patient" in notes


def test_a_lesion_that_reaches_the_last_slice_is_said():
    scan, number = later(), 2
    at = int(np.argwhere((scan.numbers == number).any(axis=(1, 2)))[1, 0])
    cut = Scan.measured("cut", Volume(scan.volume.voxels[:at], scan.volume.affine), scan.labels[:at])
    assert cut.cut_lesions
    words = f"lesion {' and '.join(map(str, cut.cut_lesions))} reaches the first or last slice"
    links = (Link((1,), cut.cut_lesions[:1], "one", "check"),)
    found = replace(compared(), later=cut, links=links, targets=(1,))
    assert words in " ".join(found.notes)
    assert (found.sum_of_diameters.whole, found.sum_of_diameters.category) == (False, None)


def test_a_place_of_the_earlier_scan_is_found_in_the_later_one():
    found = compared().registration
    for point in ((20.0, 10.0, 5.0), (60.0, -20.0, -30.0)):
        assert np.allclose(found.to_earlier(to_later(found, point)[None])[0], point, atol=0.2)
