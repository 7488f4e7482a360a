import pytest
from module_case import harness, widget  # noqa: F401


@pytest.fixture
def texts(widget):  # noqa: F811
    from LiverTumorSegPanel import texts

    return texts


@pytest.mark.parametrize(
    ("stage", "seconds", "said"),
    [
        ("Segmenting", None, "Segmenting"),
        ("", 5, ""),
        ("Segmenting", 0.2, "Segmenting, 1 s left"),
        ("Segmenting", 42.4, "Segmenting, 42 s left"),
        ("Segmenting", 150, "Segmenting, 2 min left"),
    ],
)
def test_the_time_left_is_said_in_words(texts, stage, seconds, said):
    assert texts.progress(stage, seconds) == said


def test_a_card_with_markup_in_it_stays_text(texts):
    card = texts.card(
        {
            "segments": "<script>x</script>",
            "patients": 1,
            "data": "a & b",
            "accuracy": "",
            "licence": "L",
            "terms": "t",
            "bytes": 1e6,
        }
    )
    assert "<script>" not in card
    assert "a &amp; b" in card
    assert "not measured" in card
    assert texts.card({"error": "<i>broken</i>"}) == "&lt;i&gt;broken&lt;/i&gt;"


def test_a_table_has_a_heading_for_every_cell(texts):
    keys = ("number", "volume_ml", "axial_diameter_mm", "diameter_mm", "mean_hu", "sd_hu")
    row = dict.fromkeys((*keys, "surface_distance_mm", "slice", "burden_percent", "r", "a", "s"), 1.25)
    assert len(texts.cells(row)) == len(texts.headings())
    heading, values = texts.table([row], ",").splitlines()
    assert len(heading.split(",")) == len(values.split(",")) == 12


def test_a_measure_that_is_not_known_is_a_dash_in_the_panel_and_an_empty_cell_in_a_file(texts):
    keys = ("number", "volume_ml", "axial_diameter_mm", "diameter_mm", "mean_hu", "sd_hu", "slice", "r", "a", "s")
    row = dict.fromkeys(keys, 1.25) | dict.fromkeys(("surface_distance_mm", "burden_percent"), float("nan"))
    assert texts.cells(row)[5] == "–"
    heading, values = (line.split(",") for line in texts.table([row], ",").splitlines())
    assert {name for name, value in zip(heading, values, strict=True) if not value} == {
        "surface_distance_mm",
        "burden_percent",
    }


@pytest.mark.parametrize(
    ("liver", "burden", "said"),
    [
        (
            1500.0,
            2.0,
            (
                "CT: <b>liver 1500 ml</b>, lesions included. <b>1 lesion</b>, 30.0 ml: <b>2.0 %</b> of the liver. "
                "Segmented in 8.0 s on cpu."
            ),
        ),
        (None, None, "CT: <b>1 lesion</b>, 30.0 ml. Segmented in 8.0 s on cpu."),
    ],
)
def test_the_summary_names_the_liver_where_it_is_known(texts, liver, burden, said):
    facts = {"lesion_count": 1, "liver_ml": liver, "lesion_ml": 30.0, "burden_percent": burden}
    assert texts.summary(facts | {"run": {"seconds": 8.0, "device": "cpu"}}, "CT") == said


@pytest.mark.parametrize("words", ["<img src='//evil/x.png'>", "a <b>b</b>", "<script>x</script>"])
def test_words_of_models_and_scenes_stay_words_in_rich_text(texts, words):
    from PySide6.QtGui import QTextDocumentFragment

    facts = {"lesion_count": words, "liver_ml": None, "lesion_ml": 1.0, "burden_percent": 1.0}
    shown = (
        texts.noSuchModel(words),
        texts.removal(words),
        texts.cardToolTip({"definition": words}),
        texts.summary(facts | {"run": {"seconds": 8.0, "device": words}}, words),
    )
    for text in shown:
        assert words in QTextDocumentFragment.fromHtml(text).toPlainText()
    assert texts.cardToolTip({}) == ""


def test_every_label_that_shows_words_of_others_says_how_it_reads_them(widget):  # noqa: F811
    from PySide6.QtCore import Qt

    automatic = {
        name for name, label in vars(widget.ui).items() if getattr(label, "textFormat", None) == Qt.TextFormat.AutoText
    }
    assert not {name for name in automatic if not name.startswith(("reportLabel",)) and "FormLabel" not in name}
