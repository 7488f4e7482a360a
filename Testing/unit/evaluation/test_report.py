import re

import pytest
from support.evaluation_content import SENTENCES, content

from LiverTumorSegLib.evaluation import report
from LiverTumorSegLib.evaluation.panels import CasePicture
from LiverTumorSegLib.evaluation.report import (
    format_figure,
    html,
    join_names,
    lesions_worst_first,
    undefined_measures,
    worst_first,
)

HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"


def picture(name, caption="axial slice 3 of 12"):
    return [CasePicture("data:image/jpeg;base64,AAAA", caption, name)]


def text_of(page_html):
    """What a reader sees, without charts, marks and line ends."""
    shown = re.sub(r"<(svg|style|script|title).*?</\1>", " ", page_html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def test_the_page_stands_alone_and_says_that_it_is_no_medical_device():
    shown = html(content(probabilities=True), {"volume-0": picture("volume-0")})
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", shown)
    assert not re.findall(r"@import|url\((?!#)", shown)
    assert shown.count("not a medical device") == 2


@pytest.mark.parametrize(
    "given",
    [
        {"count": 1},
        {"count": 1, "nothing": True},
        {"count": 2, "lesions": 0},
        {"count": 3, "nothing": True, "probabilities": True},
        {"count": 6, "probabilities": True, "failed": {"x": "It has no partner."}},
    ],
)
def test_whatever_is_not_defined_is_a_dash(given):
    words = text_of(html(content(**given), {}))
    assert not re.search(r"\b(None|nan|Undefined|True|inf)\b", words)
    assert "—" in words


def test_every_measure_stands_with_its_definition_interval_and_count():
    made = content(5)
    words = text_of(html(made, {}))
    for structure in ("liver", "liver_only", "lesion"):
        for key, figures in made["summary"][structure]["statistics"].items():
            mean, low, high = (format_figure(figures[name], key) for name in ("mean", "low", "high"))
            assert f"{mean} [{low}, {high}]" in words, (structure, key)
            if "median" in figures:
                spread = f"median {format_figure(figures['median'], key)}, SD {format_figure(figures['sd'], key)}"
                assert f"{spread}; {figures['counted']} of 5" in words, (structure, key)
    for sentence in made["definitions"].values():
        if sentence != "Over all voxels.":  # no probabilities were given
            assert sentence.replace("'", "&#39;") in words
    assert "Dice, global All voxels pooled." in words


def test_who_was_empty_and_who_is_left_out_is_named():
    made = content(3)
    words = text_of(html(made, {}))
    assert "lesion, neither has it 1 case: volume-2" in words
    assert "lesion, left out 1 case of ASSD, RMSD, Hausdorff, HD95: volume-2" in words
    assert undefined_measures(made["summary"]) == [("lesion", "ASSD, RMSD, Hausdorff, HD95", ["volume-2"])]


def test_found_lesions_are_kept_apart_in_words():
    words = text_of(html(content(), {}))
    assert SENTENCES["detected"] in words
    assert "whose reference has no lesion" in words
    none = text_of(html(content(2, lesions=0), {}))
    assert "No lesion was found, so there is nothing to measure." in none
    assert "Neither prediction nor reference of any case has a lesion." not in none  # one was found wrongly


def test_without_any_lesion_the_table_of_lesions_says_so():
    made = content(1)
    made["cases"]["volume-0"]["lesions"] = []
    assert "Neither prediction nor reference of any case has a lesion." in text_of(html(made, {}))


def test_probabilities_are_shown_where_they_are_given():
    assert "area under ROC" in html(content(probabilities=True), {})
    assert "area under ROC" not in html(content(), {})
    only_liver = content(probabilities=True)
    del only_liver["summary"]["probabilities"]["lesion"]
    assert "area under ROC" in html(only_liver, {})


def test_the_worst_cases_come_first_and_undefined_ones_last():
    made = content(4)["cases"]
    scores = {"volume-0": (0.5, 0.9), "volume-1": (None, 0.1), "volume-2": (0.5, 0.8), "volume-3": (0.0, 0.99)}
    for name, (lesion, liver) in scores.items():
        made[name]["lesion"]["dice"], made[name]["liver"]["dice"] = lesion, liver
    assert worst_first(made) == ["volume-3", "volume-2", "volume-0", "volume-1"]


def test_every_case_has_a_row_in_that_order_that_links_find():
    made = content(5)
    shown = html(made, {})
    names = re.findall(r'<tr id="(case-\d+)"><th scope="row">([^<]+)</th>', shown)
    assert [name for _, name in names] == worst_first(made["cases"])
    targets = set(re.findall(r'href="#([^"]+)"', re.sub(r'xlink:href="#[^"]+"', "", shown)))
    assert targets == {anchor for anchor, _ in names}


def test_pictures_are_shown_with_the_worst_case_first():
    made = content(30)
    chosen = worst_first(made["cases"])[:5]
    shown = html(made, {name: picture(name) for name in reversed(chosen)})
    assert re.findall(r'alt="(volume-\d+), axial slice 3 of 12"', shown) == chosen
    assert "Worst cases" not in html(made, {})


def test_missed_and_false_lesions_come_first_the_largest_at_the_top():
    rows = [row for _, row in lesions_worst_first(content(8)["cases"])]
    found = [row["found"] for row in rows]
    assert found == sorted(found)
    for hit in (False, True):
        volumes = [row["volume_ml"] for row in rows if row["found"] is hit]
        assert volumes == sorted(volumes, reverse=True)
        assert len(volumes) > 2


@pytest.mark.parametrize(
    ("lesions", "said"), [(200, ""), (201, "1 more lesion stands in"), (230, "30 more lesions stand in")]
)
def test_of_many_lesions_some_are_shown_and_the_rest_counted(lesions, said):
    made = content(1)
    case = made["cases"]["volume-0"]
    case["lesions"] = [dict(case["lesions"][0], number=number) for number in range(1, lesions + 1)]
    shown = html(made, {})
    assert shown.count("<td>reference</td>") == 200
    assert ("lesions.csv" in shown) == bool(said)
    assert said in shown


def test_who_failed_is_told_before_anything_else():
    made = content(2, failed={"volume-9": "It is empty."})
    words = text_of(html(made, {}))
    assert "volume-9 was not measured: It is empty." in words
    assert words.index("volume-9") < words.index("lesion Dice per case")
    assert "2 cases measured, 1 not" in words


def test_of_many_failures_and_doubts_some_are_told_and_the_rest_counted():
    made = content(1, failed={f"case {number}": "It is empty." for number in range(60)})
    made["cases"]["volume-0"]["warnings"] = ["Doubtful."] * 53
    words = text_of(html(made, {}))
    assert words.count("was not measured: It is empty.") == report.MANY_CASES
    assert "10 more cases were not measured; cases.csv names all." in words
    assert words.count("volume-0 : Doubtful.") == report.MANY_CASES
    assert "3 more doubts stand in cases.csv." in words


def test_nothing_that_was_read_becomes_part_of_the_page():
    names = [HOSTILE, "a"]
    made = content(names=names, failed={HOSTILE + "2": HOSTILE}, probabilities=True)
    made |= {"command": HOSTILE, "settings": {HOSTILE: HOSTILE}}
    made["cases"][HOSTILE]["warnings"] = [HOSTILE]
    shown = html(made, {HOSTILE: picture(HOSTILE, HOSTILE)})
    assert shown.count("<script") == 1  # the page's own
    assert "alert(1)" in shown
    assert not re.findall(r'="[^"<>]*<', shown)
    assert "{{ 7 * 7 }}" in shown


def test_the_patient_is_not_named_beside_the_case():
    made = content(names=["scan-1", "scan-2"])
    for case in made["cases"].values():
        case["patient"] = "Jane Doe"
    assert "Jane Doe" not in html(made, {})


def test_hundreds_of_cases_make_a_page_of_a_few_megabytes():
    made = content(300, probabilities=True)
    shown = html(made, {})
    assert shown.count("<tr id=") == 300
    assert len(shown) < 3_000_000


def test_how_it_was_made_is_told():
    made = content(2)
    words = text_of(html(made, {}))
    assert made["command"] in words
    assert "LiverTumorSeg 0.1.0" in words
    assert "tolerance mm 2.0" in words


@pytest.mark.parametrize(
    ("value", "key", "said"),
    [
        (None, "dice", "—"),
        (0.12345, "dice", "0.123"),
        (-0.5, "rvd", "−0.500"),
        (12.345, "hd95_mm", "12.35"),
        (1234.56, "reference_ml", "1234.6"),
        (1234567, "", "1\N{THIN SPACE}234\N{THIN SPACE}567"),
        (0, "", "0"),
    ],
)
def test_numbers_have_the_digits_of_their_measure(value, key, said):
    assert format_figure(value, key) == said


def test_of_many_names_the_first_are_listed():
    assert join_names(["a", "b"]) == "a, b"
    assert join_names(map(str, range(25))).endswith(", 19 and 5 more")
    assert join_names(map(str, range(20))).endswith(", 18, 19")
