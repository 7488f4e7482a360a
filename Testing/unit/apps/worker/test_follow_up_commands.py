"""Two CTs are compared by the worker, pairs are changed without images, and the report says what was compared."""

import json

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from support import dicom_slices
from support.small_follow_up import earlier, hand_over, later, number

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import LESION_LABEL, LIVER_LABEL
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.follow_up.scan import Scan

NAMES = ["before", "after"]


def run(command, **arguments):
    return json.loads(json.dumps(Commands().run(command, arguments, Job())))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Files of the two scans, and where the transform goes."""
    folder = tmp_path_factory.mktemp("compared")
    return hand_over(folder, earlier=earlier(), later=later()) | {"transform": str(folder / "transform.nrrd")}


@pytest.fixture(scope="module")
def answer(given):
    return run("compare_scans", **given, names=NAMES, dates=["2026-01-10", "2026-04-20"])


def test_rows_say_what_was_done_to_the_lesions(answer):
    rows = {tuple(row["before"]): row for row in answer["rows"]}
    grown, gone, same = (rows[number(earlier(), name),] for name in ("grown", "gone", "same"))
    assert (grown["what"], grown["after"]) == ("larger", [number(later(), "grown")])
    assert (gone["what"], gone["ml"][1], gone["after"]) == ("not found any more", None, [])
    assert (rows[()]["what"], rows[()]["ml"][0], rows[()]["after"]) == ("new", None, [number(later(), "new")])
    assert (same["what"], same["grade"]) == ("unchanged", "certain")
    assert grown["ml"][0] == pytest.approx(earlier().table.lesions[grown["before"][0] - 1].volume_ml)
    assert grown["growth_rate"] == pytest.approx(np.log(grown["ml"][1] / grown["ml"][0]))  # percent a day, 100 days
    assert (answer["days"], answer["stage"], answer["notes"]) == (100, "deformable", [])
    assert answer["sum"]["before_mm"] == pytest.approx(sum(rows[n,]["mm"][0] for n in answer["targets"]))


def test_places_lie_in_the_other_scan_where_the_transform_file_brings_them(answer, given):
    transform = sitk.ReadTransform(given["transform"].replace(".nrrd", ".h5"))
    for here, there in answer["places"][1]:
        moved = transform.TransformPoint((-here[0], -here[1], here[2]))
        assert np.allclose(there, [-moved[0], -moved[1], moved[2]], atol=1e-6)
    for here, there in answer["places"][0]:
        back = transform.TransformPoint((-there[0], -there[1], there[2]))
        assert np.allclose(here, [-back[0], -back[1], back[2]], atol=0.06)


def test_what_a_user_says_of_pairs_changes_rows_and_sum_without_images(answer):
    pair = next(row for row in answer["rows"] if row["relation"] == "one")
    said = ["unpair", pair["before"][0], pair["after"][0]]
    changed = run("change_pairs", compared=answer, edits=[said])
    whats = {tuple(row["after"]): row["what"] for row in changed["rows"] if not row["before"]}
    assert whats[tuple(pair["after"])] == "new"
    assert changed["edits"] == [said]
    there = run("change_pairs", compared=changed, edits=[said, ["was there", pair["after"][0]]])
    (row,) = [row for row in there["rows"] if row["relation"] == "was there"]
    assert row["by_hand"]
    assert len(there["edits"]) == 2
    assert run("change_pairs", compared=there, edits=[])["rows"] == answer["rows"]
    with pytest.raises(UserError, match="There is no lesion 99 in the earlier CT"):
        run("change_pairs", compared=there, edits=[["pair", 99, 1]])


def test_the_report_has_the_pairs_as_they_are_now(answer, given, tmp_path):
    pair = next(row for row in answer["rows"] if row["relation"] == "one")
    changed = run("change_pairs", compared=answer, edits=[["unpair", pair["before"][0], pair["after"][0]]])
    files = {**given, "transform": given["transform"].replace(".nrrd", ".h5")}
    chosen = {"compared": changed, "folder": str(tmp_path / "report"), "names": NAMES}
    written = run("report_comparison", **files, **chosen)
    facts = json.loads((tmp_path / "report" / "follow-up.json").read_text(encoding="utf-8"))["comparisons"][0]
    assert [one["what"] for one in facts["changes"]] == [row["what"] for row in changed["rows"]]
    assert (facts["days"], len(written["files"])) == (100, 3)
    with pytest.raises(UserError, match="exists"):
        run("report_comparison", **files, **chosen)
    other = changed | {"lesions": [changed["lesions"][0][1:], changed["lesions"][1]]}
    with pytest.raises(UserError, match="were changed since they were compared"):
        run("report_comparison", **files, **(chosen | {"compared": other, "folder": str(tmp_path / "other")}))


def test_what_was_said_of_pairs_is_found_again_by_places_where_numbers_changed(answer, given, tmp_path):
    gone, new = number(earlier(), "gone"), number(later(), "new")
    before = run("change_pairs", compared=answer, edits=[["pair", gone, new]])
    labels = later().labels.copy()
    labels[8:12, 22:26, 24:28] = LESION_LABEL
    more = Scan.measured("after", later().volume, labels)
    now = number(more, "new")
    assert now != new
    files = hand_over(tmp_path, earlier=earlier(), later=more)
    arguments = {**files, "transform": str(tmp_path / "t.nrrd"), "names": NAMES}
    again = run("compare_scans", **arguments, before=before)
    (row,) = [row for row in again["rows"] if row["by_hand"]]
    assert (row["before"], row["after"]) == ([gone], [now])
    assert (again["edits"], again["refused"]) == ([["pair", gone, now]], [])

    labels[later().numbers == new] = LIVER_LABEL
    files = hand_over(tmp_path, earlier=earlier(), later=Scan.measured("after", later().volume, labels))
    lost = run("compare_scans", **arguments, before=before)
    assert (lost["edits"], [row for row in lost["rows"] if row["by_hand"]]) == ([], [])
    assert lost["refused"] == [f"No lesion is marked any more where lesion {new} of the later CT was."]

    other = run("compare_scans", **given, names=NAMES, before=before | {"cts": ["of", "others"]})
    assert (other["edits"], other["refused"]) == ([], [])


def test_the_same_ct_twice_is_a_comparison_with_a_note(tmp_path):
    files = hand_over(tmp_path, earlier=earlier(), later=earlier())
    found = run("compare_scans", **files, transform=str(tmp_path / "t.nrrd"), names=NAMES)
    assert found["notes"] == ["Both are the same CT: nothing has changed."]
    assert {row["what"] for row in found["rows"]} == {"unchanged"}
    assert sitk.ReadTransform(str(tmp_path / "t.h5")).TransformPoint((1.0, 2.0, 3.0)) == (1, 2, 3)


def test_a_stop_ends_the_comparison_and_a_ct_without_a_liver_is_named(given, tmp_path):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        Commands().run("compare_scans", {**given, "names": NAMES}, Job(cancel=token))
    arrays.write(tmp_path / "none.nrrd", np.zeros_like(earlier().labels), earlier().volume.affine)
    with pytest.raises(UserError, match="No liver is marked in before"):
        run("compare_scans", **{**given, "earlier_labels": str(tmp_path / "none.nrrd")}, names=NAMES)


def image(folder, name, patient, day):
    one = dicom_slices.plain(count=1)[0]
    one.PatientID, one.AcquisitionDate = patient, day
    (path,) = dicom_slices.write([one], folder, name)
    assert pydicom.dcmread(path).PatientID == patient
    return str(path)


def test_headers_tell_other_patients_and_days_before_any_work_is_done(tmp_path):
    images = [image(tmp_path, "a", "P1", "20260331"), image(tmp_path, "b", "P2", "20260630")]
    assert run("check_scans", names=NAMES, images=images) == {
        "other_patients": True,
        "dates": ["2026-03-31", "2026-06-30"],
    }
    assert run("check_scans", names=NAMES) == {"other_patients": False, "dates": ["", ""]}
    with pytest.raises(UserError, match="after was taken 91 days before before"):
        run("check_scans", names=NAMES, images=images[::-1])
    with pytest.raises(UserError, match="“soon” is not a date"):
        run("check_scans", names=NAMES, dates=["soon", ""])
