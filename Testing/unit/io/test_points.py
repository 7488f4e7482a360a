import json

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io.points import by_lesion, point_of_words, points_of_csv, points_of_markups, read_text


def shown(points):
    return [(each.point, each.inside, each.lesion) for each in points]


def test_a_csv_file_has_ras_and_may_have_sides_and_names():
    text = "lesion,R,A,S,inside\na,1,2,3,1\na,4,5,6,0\n\nb,-7,8.5,9,\n"
    points = points_of_csv(text, "points.csv")
    assert shown(points) == [
        ((1, 2, 3), True, "a"),
        ((4, 5, 6), False, "a"),
        ((-7, 8.5, 9), True, "b"),
    ]
    assert [each.place for each in points] == [f"points.csv, line {line}" for line in (2, 3, 5)]


def test_a_csv_file_may_be_in_lps_and_parted_by_semicolons():
    assert shown(points_of_csv("l;p;s;label\n1;2;3;x\n", "points.csv")) == [((-1, -2, 3), True, "x")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x,y,z\n1,2,3\n", "points.csv has no columns r, a and s"),
        ("", "points.csv has no columns"),
        ("r,a,s\n1,2,3\n1,2\n", "points.csv, line 3 is not a point"),
        ("r,a,s\n1,2,three\n", "points.csv, line 2 is not a point"),
        ("r,a,s\n1,2,nan\n", "points.csv, line 2 is not a point: give three numbers in mm that are finite"),
        ("r,a,s,inside\n1,2,3,perhaps\n", "line 2: “perhaps” is neither inside nor outside"),
        ('r,a,s\n1,2,"3\n' + "x" * 200_000, "points.csv, line .*, is not a line of a table"),
    ],
)
def test_a_wrong_line_is_named(text, sentence):
    with pytest.raises(UserError, match=sentence):
        points_of_csv(text, "points.csv")


def markups(system="LPS", name="F", **changes):
    control = {"label": "F-1", "position": [1.0, 2.0, 3.0], "positionStatus": "defined"}
    return json.dumps({"markups": [{"name": name, "coordinateSystem": system, "controlPoints": [control | changes]}]})


def test_markups_are_in_the_system_that_they_state():
    assert shown(points_of_markups(markups("LPS"), "F.mrk.json")) == [((-1, -2, 3), True, "F-1")]
    assert shown(points_of_markups(markups("RAS"), "F.mrk.json")) == [((1, 2, 3), True, "F-1")]


def test_markups_that_are_called_outside_are_beside_the_lesion():
    assert not points_of_markups(markups(description="Outside"), "F.mrk.json")[0].inside
    assert not points_of_markups(markups(name="outside"), "F.mrk.json")[0].inside


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not a markups file"),
        ("[]", "is not a markups file"),
        ('{"markups": [{}]}', "is not a markups file"),
        (markups("SCANNER"), "has points in SCANNER"),
        (markups(positionStatus="undefined"), "F.mrk.json, point F-1 has no position"),
        (markups(position=[1, 2]), "F.mrk.json, point F-1 is not a point"),
        (markups(position=[1, 2, "x"]), "F.mrk.json, point F-1 is not a point"),
    ],
)
def test_wrong_markups_are_refused_by_their_name(text, sentence):
    with pytest.raises(UserError, match=sentence):
        points_of_markups(text, "F.mrk.json")


def test_words_are_three_numbers_and_perhaps_a_name():
    assert shown([point_of_words("-1, 2,3.5", "--at", inside=True)]) == [((-1, 2, 3.5), True, "")]
    assert shown([point_of_words("1,2,3,big, one", "--not-at", inside=False)]) == [((1, 2, 3), False, "big, one")]
    for words in ("1,2", "1;2;3", "a,b,c", "1,2,inf"):
        with pytest.raises(UserError, match=f"--at {words} is not a point"):
            point_of_words(words, "--at", inside=True)


def lesions(*words):
    """Points of each lesion, as their words."""
    points = [point_of_words(each.strip("!"), "--at", inside=not each.startswith("!")) for each in words]
    return [[point.place.removeprefix("--at ") for point in own] for own in by_lesion(points)]


def test_points_without_a_name_are_a_lesion_each_and_those_outside_are_beside_all():
    assert lesions("!9,9,9", "1,1,1", "2,2,2") == [["1,1,1", "9,9,9"], ["2,2,2", "9,9,9"]]


def test_points_of_one_name_are_of_one_lesion():
    found = lesions("1,1,1,a", "2,2,2,b", "!3,3,3,a", "4,4,4,a")
    assert found == [["1,1,1,a", "4,4,4,a", "3,3,3,a"], ["2,2,2,b"]]


def test_a_point_beside_no_lesion_is_refused():
    with pytest.raises(UserError, match="beside the lesion “b”, which no point is in"):
        lesions("1,1,1,a", "!2,2,2,b")
    with pytest.raises(UserError, match="No point in a lesion was given"):
        lesions("!2,2,2")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "points.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not text in UTF-8"):
        read_text(tmp_path / "points.csv")
