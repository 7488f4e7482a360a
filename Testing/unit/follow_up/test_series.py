from dataclasses import replace
from datetime import date

import pytest
from support.follow_up_cases import compared, earlier, later

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up import report
from LiverTumorSegLib.follow_up.series import Series, follow, next_targets


@pytest.fixture(scope="module")
def series():
    """Three scans, of which the last two are one CT."""
    third = replace(later(), name="third.nii.gz", taken=date(2026, 7, 1))
    return Series((compared(), *follow([later(), third]).comparisons))


def test_a_lesion_is_followed_through_all_scans(series):
    assert len(series.scans) == 3
    assert series.days == (0, 100, 172)
    through = [track for track in series.tracks if all(track.lesions)]
    assert len(through) == 3
    for track in through:
        assert track.volumes_ml[1] == track.volumes_ml[2]
    assert [len(found) for found in series.tracks[-1].lesions] == [1, 0, 0]
    assert series.tracks[-1].diameters_mm[1:] == (None, None)


def test_every_lesion_is_in_one_track(series):
    for number, scan in enumerate(series.scans):
        found = [one.number for track in series.tracks for one in track.lesions[number]]
        assert sorted(found) == [one.number for one in scan.table.lesions]


def test_targets_and_sums_go_on_from_scan_to_scan():
    again = replace(earlier(), name="again", taken=None)
    found = follow([earlier(), again, replace(again, name="third")], targets=[2], earlier_sums=[90.0])
    first = earlier().table.lesions[1].axial_diameter_mm
    assert [each.targets for each in found.comparisons] == [(2,), (2,)]
    for each in found.sums:
        assert (each.baseline_mm, each.now_mm) == (90.0, first)
        assert each.nadir_mm == first


def test_targets_that_have_all_gone_stay_a_sum_of_nothing():
    found = compared()
    gone = next(link.earlier for link in found.links if link.relation == "gone")
    one = next(link for link in found.links if link.relation == "one")
    assert next_targets(replace(found, targets=gone)) == ([], True)
    assert next_targets(replace(found, targets=(*gone, *one.earlier))) == (list(one.later), False)
    assert next_targets(replace(found, targets=())) == ([], False)
    after = replace(found, targets=(), earlier_sums=(50.0,), targets_gone=True)
    assert next_targets(after) == ([], True)
    assert (after.sum_of_diameters.category, after.sum_of_diameters.from_baseline_percent) == ("complete", -100)
    assert "All targets had gone in the earlier CT." in report.render_page(Series((after,)))


def test_one_ct_or_a_wrong_order_is_refused():
    with pytest.raises(UserError, match="One CT cannot be compared"):
        follow([earlier()])
    with pytest.raises(UserError, match="give the earlier CT first"):
        follow([later(), earlier()])
