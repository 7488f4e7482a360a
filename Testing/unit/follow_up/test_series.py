import re
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
import SimpleITK as sitk
from support.follow_up_cases import compared, earlier, later, lesion

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up import pictures, report
from LiverTumorSegLib.follow_up.comparison import Comparison
from LiverTumorSegLib.follow_up.matching import Link
from LiverTumorSegLib.follow_up.registration import Registration
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
    assert next_targets(replace(found, targets=gone)) == ([], True, False)
    assert next_targets(replace(found, targets=(*gone, *one.earlier))) == (list(one.later), False, False)
    assert next_targets(replace(found, targets=())) == ([], False, False)
    after = replace(found, targets=(), earlier_sums=(50.0,), targets_gone=True)
    assert next_targets(after) == ([], True, False)
    assert (after.sum_of_diameters.category, after.sum_of_diameters.from_baseline_percent) == ("complete", -100)
    assert "All targets had gone in the earlier CT." in report.render_page(Series((after,)))


def scan_of(*diameters, cut=()):
    """A scan with these lesions, of which some reach its end."""
    made = replace(earlier(), table=replace(earlier().table, lesions=lesions(*diameters)))
    made.__dict__["cut_lesions"] = cut
    return made


def lesions(*diameters):
    return tuple(lesion(number, mm) for number, mm in enumerate(diameters, start=1))


def followed(monkeypatch, scans, *links, targets=(1,)):
    """The series of the scans, of which it is known who is who."""
    between = iter(links)

    def compare(before, after, *, targets, earlier_sums, job):
        still = Registration(sitk.Transform(), "deformable", (1.0, 1.0))
        return Comparison(before, after, still, next(between), tuple(targets), tuple(earlier_sums))

    monkeypatch.setattr("LiverTumorSegLib.follow_up.series.compare_scans", compare)
    return follow(scans, targets=targets)


SAME = Link((1,), (1,), "one", "certain")


def test_a_target_that_a_ct_does_not_cover_is_never_gone_and_no_sum_is_known_from_then_on(monkeypatch):
    lost, back = Link((1,), (), "not covered", "check"), Link((), (1,), "not covered", "check")
    found = followed(monkeypatch, [scan_of(30), scan_of(), scan_of(30)], (lost,), (back,))
    assert [(each.is_known, each.whole, each.all_gone, each.category) for each in found.sums] == 2 * [
        (True, False, False, None)
    ]
    for comparison, now in zip(found.comparisons, ("30.0 mm at the smallest, — mm now",) * 2, strict=True):
        page, told = report.render_page(Series((comparison,))), report.facts(Series((comparison,)))
        assert now in page
        assert "-100 %" not in page
        assert told["comparisons"][0]["sum_of_diameters"]["now_mm"] is None
        assert told["comparisons"][0]["sum_of_diameters"]["from_baseline_percent"] is None
    assert "compare the later CTs alone" in found.sums[1].doubt
    assert pictures.draw_curves(found).count("<circle") == 3  # two of the lesion's tracks and one of the sum


@pytest.mark.parametrize("diameters", [(30, 30, 30), (30, 0.5, 0.4), (30, 29, 28, 27, 26, 25, 24, 23)])
def test_no_label_of_a_curve_lies_on_another(monkeypatch, diameters):
    same = [Link((n,), (n,), "one", "certain") for n in range(1, 1 + len(diameters))]
    found = followed(monkeypatch, [scan_of(*diameters)] * 2, same, targets=(1, 2))
    labels = re.findall(r'<text x="([0-9.]+)" y="([0-9.]+)" fill="#[0-9a-f]{6}">', pictures.draw_curves(found))
    heights = sorted(float(y) for _, y in labels)
    assert len(heights) == len(diameters) + 1
    assert min(after - before for before, after in pairwise(heights)) > 13.9
    assert 10 < heights[0] < heights[-1] < 270


def test_of_two_targets_one_that_is_not_covered_makes_no_partial_response(monkeypatch):
    lost, back = Link((2,), (), "not covered", "check"), Link((), (2,), "not covered", "check")
    scans = [scan_of(30, 20), scan_of(30), scan_of(30, 20)]
    found = followed(monkeypatch, scans, (SAME, lost), (SAME, back), targets=(1, 2))
    assert [each.category for each in found.sums] == [None, None]


def test_a_sum_with_a_target_that_a_ct_cuts_off_is_no_smallest_one(monkeypatch):
    found = followed(monkeypatch, [scan_of(30), scan_of(15, cut=(1,)), scan_of(30), scan_of(30)], *[(SAME,)] * 3)
    assert [each.category for each in found.sums] == [None, None, "stable"]
    assert [each.before_mm for each in found.sums] == [30, None, 30]
    assert found.sums[-1].nadir_mm == 30


def test_without_a_whole_first_sum_there_is_no_baseline(monkeypatch):
    found = followed(monkeypatch, [scan_of(15, cut=(1,)), scan_of(30), scan_of(30)], *[(SAME,)] * 2)
    assert [(each.baseline_mm, each.category) for each in found.sums] == [(None, None), (None, None)]


def test_one_ct_or_a_wrong_order_is_refused():
    with pytest.raises(UserError, match="One CT cannot be compared"):
        follow([earlier()])
    with pytest.raises(UserError, match="give the earlier CT first"):
        follow([later(), earlier()])
