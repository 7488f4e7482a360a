from LiverTumorSegLib.apps.panel import follow_up_texts

ROW = {
    "before": [1, 3],
    "after": [2],
    "what": "merged, larger",
    "grade": "check",
    "by_hand": False,
    "ml": [1.0, 2.5],
    "mm": [20.0, 24.0],
    "ml_percent": 150.0,
    "mm_percent": 20.0,
    "growth_rate": 0.9163,
    "doubling_days": 75.6,
    "target": True,
}
FACTS = {
    "lesions": [[{}, {}], [{}]],
    "lesion_ml": [1.0, 2.5],
    "days": 100,
    "sum": {"targets": [1], "before_mm": 20.0, "now_mm": 24.0, "category": "stable"},
    "refused": ["There is no lesion 9 in the earlier CT."],
    "notes": ["A note."],
}


def test_a_row_says_before_now_and_change_and_what_is_to_be_checked():
    cells = ["1 + 3", "2", "merged, larger (check)", "20.0→24.0", "1.00→2.50", "+150"]
    assert follow_up_texts.cells(ROW) == cells
    assert len(follow_up_texts.headings()) == len(cells)
    assert follow_up_texts.cells(ROW | {"by_hand": True})[2] == "merged, larger (by hand)"
    gone = ROW | {"after": [], "what": "not found any more", "grade": "likely", "ml": [1.0, None], "mm": [9.0, None]}
    assert follow_up_texts.cells(gone | {"ml_percent": None}) == [
        *("1 + 3", "–", "not found any more", "9.0→–", "1.00→–", "–"),
    ]


def test_the_tool_tip_says_how_sure_the_pair_is_and_how_fast_it_grew():
    said = follow_up_texts.row_tool_tip(ROW).splitlines()
    assert said[0] == "Pair: check"
    assert "Growth +0.92 % a day." in said
    assert "Its volume doubles in 76 days." in said
    assert "Its volume halves in 76 days." in follow_up_texts.row_tool_tip(ROW | {"doubling_days": -75.6})


def test_tones_are_those_of_the_report():
    tones = {what: follow_up_texts.tone({"what": what}) for what in ("new", "split, larger", "smaller", "unchanged")}
    assert list(tones.values()) == ["grown", "grown", "shrunk", ""]


def test_the_sums_are_said_with_days_and_without_a_judgement_and_names_are_words():
    said = follow_up_texts.summary(FACTS, ["<b>before</b>", "after"])
    assert said.startswith("&lt;b&gt;before&lt;/b&gt; → after, 100 days: <b>2 → 1 lesions</b>, 1.0 → 2.5 ml.")
    assert "<b>20.0 → 24.0 mm</b>; by arithmetic alone “stable”, which is no assessment." in said
    other = FACTS | {"days": None, "sum": FACTS["sum"] | {"category": None}}
    assert "not whole" in follow_up_texts.summary(other, ["a", "b"])
    assert "days" not in follow_up_texts.summary(other, ["a", "b"])
    none = FACTS | {"sum": FACTS["sum"] | {"targets": []}}
    assert follow_up_texts.summary(none, ["a", "b"]).endswith("ml.")


def test_what_speaks_against_the_table_comes_with_what_does_not_fit_any_more():
    found = follow_up_texts.warnings(FACTS, changed=True)
    assert "press Compare again" in found[0]
    assert found[1].endswith("There is no lesion 9 in the earlier CT.")
    assert found[2:] == FACTS["notes"]
    assert len(follow_up_texts.warnings(FACTS, changed=False)) == 2


def test_a_field_for_a_day_says_what_dicom_knows():
    assert follow_up_texts.date_hint("2026-01-10") == "2026-01-10, as DICOM says"
    assert follow_up_texts.date_hint("") == "not known; such as 2026-03-31"
