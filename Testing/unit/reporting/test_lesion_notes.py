import csv
import io
import json

import numpy as np
import pytest
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.pipeline import measure_and_write
from LiverTumorSegLib.reporting.lesion_notes import LONGEST_NOTE, LesionNote, clean_note, place_notes, read_notes
from LiverTumorSegLib.reporting.lesions import measure_lesions, number_lesions
from LiverTumorSegLib.reporting.outputs import ReportFolder

MM = (2.0, 1.0, 1.0)


@pytest.fixture
def labels():
    """A liver with three lesions: of 60, 27 and 7 voxels, the second bent around nothing of its own."""
    labels = np.zeros((20, 60, 60), np.uint8)
    labels[2:-2, 5:-5, 5:-5] = 1
    labels[5:8, 10:14, 20:25] = 2
    labels[12, 30:40, 30] = labels[12, 39, 30:40] = labels[12, 30, 30:39] = 2
    labels[15, 20:27, 10] = 2
    return labels


def volume_of(labels):
    return Volume(np.full(labels.shape, 50, np.int16), np.diag([-MM[2], -MM[1], MM[0], 1.0]))


def placed(notes, labels):
    volume = volume_of(labels)
    return place_notes(notes, number_lesions(labels, volume), volume)


def inside(labels):
    return [lesion.inside_voxel for lesion in measure_lesions(labels, volume_of(labels)).lesions]


def test_each_lesion_has_a_voxel_inside_it_at_its_middle_where_that_is_inside(labels):
    numbered = number_lesions(labels, volume_of(labels))
    voxels = inside(labels)
    assert [int(numbered[k, j, i]) for i, j, k in voxels] == [2, 3, 4]
    assert voxels[0] == (22, 12, 6)
    assert labels[12, 34, 33] == 1  # the middle of the bent one


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True)])
def test_the_voxel_is_that_of_the_file_in_any_order(labels, axes, flips):
    other = reordered(Volume(labels.astype(np.int16), volume_of(labels).affine), axes, flips)
    turned = Volume(np.zeros_like(other.voxels), other.affine)
    found = other.voxels.astype(np.uint8)
    numbered = number_lesions(found, turned)
    for lesion in measure_lesions(found, turned).lesions:
        i, j, k = lesion.inside_voxel
        assert numbered[k, j, i] == 1 + lesion.number


def test_notes_stay_with_their_lesions_when_these_are_numbered_anew(labels):
    notes = [LesionNote(voxel, f"was {n}") for n, voxel in enumerate(inside(labels), 1)]
    assert placed(notes, labels) == {1: "was 1", 2: "was 2", 3: "was 3"}
    labels[5:8, 10:14, 20:25] = 1
    labels[15, 20:27, 10:16] = 2
    assert placed(notes, labels) == {2: "was 2", 1: "was 3"}


def test_a_lesion_that_was_moved_a_little_keeps_its_note_and_one_that_is_gone_does_not(labels):
    note = [LesionNote(inside(labels)[0], "here")]
    labels[5:8, 10:14, 20:25] = 1
    assert placed(note, labels) == {}
    labels[6, 12, 27] = 2  # 5 mm beside it
    assert placed(note, labels) == {3: "here"}
    labels[6, 12, 27], labels[6, 12, 28] = 1, 2
    assert placed(note, labels) == {}


def test_the_nearest_lesion_is_that_in_millimetres(labels):
    labels[5:8, 10:14, 20:25] = 1
    labels[8, 12, 22] = labels[6, 15, 22] = 2  # two slices are 4 mm, three rows are 3
    labels[6, 16, 22] = 2
    assert placed([LesionNote((22, 12, 6), "near")], labels) == {3: "near"}


@pytest.mark.parametrize("voxel", [(-1, -1, -1), (-200, 5, 5), (59, 59, 19), (10**9, 0, 0)])
def test_a_note_outside_of_everything_is_of_no_lesion(labels, voxel):
    assert placed([LesionNote(voxel, "nowhere")], labels) == {}


def test_notes_of_lesions_that_became_one_stand_after_each_other_and_once(labels):
    voxels = inside(labels)
    labels[6:16, 12, 22] = labels[15, 12:24, 22] = labels[15, 23, 10:23] = 2
    notes = [LesionNote(voxels[0], "big"), LesionNote(voxels[2], "small"), LesionNote(voxels[2], "big")]
    assert list(placed(notes, labels).values()) == ["big; small"]


def test_an_empty_note_is_none(labels):
    assert placed([LesionNote(inside(labels)[0], " \n ")], labels) == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" two\r\nlines\tand  blanks ", "two lines and blanks"),
        ("turned\u202eround", "turned\\u202eround"),
        ("\x1b[2J", "\\x1b[2J"),
        ("größer, 肝", "größer, 肝"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_a_note_is_one_visible_line(text, line):
    assert clean_note(text) == line
    assert len(line) <= LONGEST_NOTE


@pytest.mark.parametrize(
    "content",
    [
        5,
        "text",
        [[[1, 2, 3]]],
        [[[1, 2], "a"]],
        [[[1, 2, 3.5], "a"]],
        [[[1, 2, True], "a"]],
        [[[1, 2, 3], 5]],
        [["abc", "a"]],
    ],
)
def test_what_are_no_notes_is_refused_in_words(content):
    with pytest.raises(UserError, match="A note of a lesion is a"):
        read_notes(content)


def test_notes_are_the_last_column_where_there_is_one(labels):
    table = measure_lesions(labels, volume_of(labels))
    noted = table.with_notes({2: "=1+1, “quoted”\nand more", 9: "of none"})
    plain, rows = (list(csv.DictReader(io.StringIO(each.to_csv()))) for each in (table, noted))
    assert [*plain[0], "note"] == list(rows[0])
    assert [row["note"] for row in rows] == ["", "'=1+1, “quoted” and more", ""]
    assert [row | {"note": ""} for row in rows] == [row | {"note": ""} for row in plain]
    content = json.loads(noted.to_json())["lesions"]
    assert [lesion["note"] for lesion in content] == ["", "=1+1, “quoted” and more", ""]
    assert noted.with_notes({}) == table


def test_the_page_has_notes_as_text(segmentation, tmp_path):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    notes = [LesionNote(table.lesions[0].inside_voxel, "<script>alert(1)</script> & \u202eround")]
    done = measure_and_write(segmentation, [ReportFolder(tmp_path)], notes=notes)
    assert done.lesions.lesions[0].note.startswith("<script>")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; \\u202eround</span>" in page
    assert "<script>" not in page
    assert "<b>Note:</b>" in page
    again = measure_and_write(
        Segmentation(
            segmentation.labels, segmentation.volume, segmentation.model, "cpu", SegmentationOptions(), (), 1.0
        ),
        [ReportFolder(tmp_path / "plain")],
    )
    assert not again.lesions.has_notes
    assert "<b>Note:</b>" not in (tmp_path / "plain" / "report.html").read_text(encoding="utf-8")
