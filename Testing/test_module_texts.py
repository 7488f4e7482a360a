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
