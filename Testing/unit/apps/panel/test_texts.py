import io
import math
from csv import DictReader
from html.parser import HTMLParser

import pytest

from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.apps.panel.table_text import table_text
from LiverTumorSegLib.reporting.lesion_origins import LesionOrigin
from LiverTumorSegLib.reporting.lesions import measure_lesions

CARD = {
    "segments": "liver",
    "patients": 1,
    "data": "a & b",
    "accuracy": "",
    "licence": "L",
    "terms": "t",
    "bytes": 1e6,
}
SHORT = "short_axial_diameter_mm"
KEYS = ("number", "volume_ml", "axial_diameter_mm", "diameter_mm", "mean_hu", "sd_hu", "slice", "r", "a", "s", SHORT)
UNKNOWN = ("surface_distance_mm", "burden_percent", "probability")
GPU = {"name": "cuda:0", "title": "NVIDIA H200", "free_bytes": 139e9}
CPU = {"name": "cpu", "title": "CPU", "free_bytes": None}


def read(rich):
    """Rich text as a browser shows it, and its tags."""
    shown, tags = [], []
    parser = HTMLParser()
    parser.handle_data = shown.append
    parser.handle_starttag = lambda tag, _: tags.append(tag)
    parser.feed(rich)
    parser.close()
    return "".join(shown), tags


def panel_at(state, stage="", **facts):
    """A panel in a state that would take a worker to reach."""
    panel = Panel()
    panel.state, panel.stage = state, stage
    panel._job = object() if state in {PanelState.STARTING, PanelState.RUNNING, PanelState.CANCELLING} else None
    vars(panel).update(facts)
    return panel


@pytest.mark.parametrize(
    ("stage", "seconds", "said"),
    [
        ("Segmenting", None, "Segmenting"),
        ("", 5, ""),
        ("Handing over", 0.4, "Handing over"),
        ("Segmenting", 1.2, "Segmenting, 1 s left"),
        ("Segmenting", 42.4, "Segmenting, 42 s left"),
        ("Segmenting", 150, "Segmenting, 2 min left"),
    ],
)
def test_the_time_left_is_said_in_words(stage, seconds, said):
    assert texts.progress(stage, seconds) == said


@pytest.mark.parametrize(
    ("state", "stage", "said"),
    [
        (PanelState.READY, "", ""),
        (PanelState.FAILED, "Cleaning up", ""),
        (PanelState.STARTING, "", "Starting"),
        (PanelState.RUNNING, "Cleaning up", "Cleaning up"),
        (PanelState.CANCELLING, "Cleaning up", "Cancelling"),
        (PanelState.CANCELLED, "Cleaning up", "Cancelled; nothing was added."),
        (PanelState.DONE, "Done", "Done."),
    ],
)
def test_the_state_is_said_in_words(state, stage, said):
    assert texts.state(panel_at(state, stage)) == said


@pytest.mark.parametrize(
    ("state", "has_input", "button", "tip"),
    [
        (PanelState.READY, True, "Segment", "Find the liver and its lesions"),
        (PanelState.READY, False, "Segment", "Choose a CT first"),
        (PanelState.NEEDS_SETUP, True, "Segment", "Install the missing packages first"),
        (PanelState.RUNNING, True, "Cancel", "Stop; nothing is added to the scene"),
    ],
)
def test_the_button_says_what_it_does_or_waits_for(state, has_input, button, tip):
    panel = panel_at(state)
    assert texts.button(panel) == button
    assert texts.button_tool_tip(panel, has_input=has_input) == tip


def test_a_report_of_an_error_names_error_version_and_application():
    first, facts, last = texts.details(
        panel_at(PanelState.FAILED, error="It failed.", details="Traceback"), "Slicer 5.8"
    ).splitlines()
    assert (first, last) == ("It failed.", "Traceback")
    assert facts.startswith("LiverTumorSeg 0.")
    assert ", Slicer 5.8, " in facts


def test_devices_are_listed_by_name_with_their_free_memory():
    assert texts.devices([]) == {"auto": "Automatic"}
    assert texts.devices([GPU, CPU]) == {
        "auto": "Automatic: NVIDIA H200, 139.0 GB free",
        "cuda:0": "NVIDIA H200, 139.0 GB free",
        "cpu": "CPU",
    }


@pytest.mark.parametrize(
    ("devices", "name", "said"),
    [
        ([CPU], "auto", "No GPU."),
        ([CPU], "cpu", ""),
        ([CPU], "cuda:7", "The device “cuda:7” is not here: choose another."),
        ([], "cuda:7", ""),
    ],
)
def test_a_device_that_is_gone_and_the_fallback_to_the_cpu_are_said(devices, name, said):
    assert texts.device_note(panel_at(PanelState.READY, devices=devices, why_no_gpu="No GPU."), name) == said


def test_every_precision_is_listed():
    assert texts.precisions() == {
        "auto": "automatic",
        "float32": "float32",
        "bfloat16": "bfloat16",
        "float16": "float16",
    }


def test_a_card_says_what_a_model_does_and_that_it_was_not_measured():
    shown, tags = read(texts.card(CARD))
    assert "Trained on: 1 patients of a & b" in shown
    assert "not measured" in shown
    assert set(tags) == {"b", "br"}
    assert read(texts.card({"error": "<i>broken</i>"})) == ("<i>broken</i>", [])
    assert texts.card_tool_tip(CARD) == ""


def test_a_model_is_missing_only_once_the_models_are_known():
    assert texts.no_card([], "mine") == "Looking for models…"
    assert texts.no_card([CARD], "mine") == "The model “mine” is not there: choose another."


def test_a_volume_is_described_i_first():
    assert texts.volume((30, 512, 400), (2.5, 0.7, 0.8)) == "400 × 512 × 30 voxels of 0.80 × 0.70 × 2.50 mm"


def test_a_table_has_a_heading_for_every_cell():
    row = dict.fromkeys((*KEYS, *UNKNOWN), 1.25)
    assert len(texts.cells(row)) == len(texts.headings())
    heading, values = table_text([row], "\t").splitlines()
    assert len(heading.split("\t")) == len(values.split("\t")) == 14


def test_the_csv_has_the_columns_of_the_headless_one_in_its_order_and_its_values(small_phantom):
    measured = measure_lesions(small_phantom.labels, small_phantom.volume)
    lesions = [lesion | {"probability": math.nan} for lesion in measured.to_dict()["lesions"]]
    rows = [lesion | dict(zip("ras", lesion["centroid_mm"], strict=True)) for lesion in lesions]
    ours, headless = (list(DictReader(io.StringIO(text))) for text in (table_text(rows, ","), measured.to_csv()))
    assert len(ours) == 2
    for row, expected in zip(ours, headless, strict=True):
        assert list(row) == list(expected)
        assert row.pop("probability") == expected.pop("probability") == ""
        assert [float(cell) for cell in row.values()] == pytest.approx([float(cell) for cell in expected.values()])


@pytest.mark.parametrize(
    "origin",
    [
        LesionOrigin(automatic, clicks, corrected)
        for automatic in (False, True)
        for clicks in (0, 1, 3)
        for corrected in (False, True)
        if automatic or clicks or not corrected
    ],
)
def test_where_nothing_is_translated_an_origin_is_told_as_in_the_csv(origin):
    assert texts.origin(origin) == origin.in_words
    assert texts.origin(None) == ""


def test_a_measure_that_is_not_known_is_a_dash_in_the_panel_and_an_empty_cell_in_a_file():
    row = dict.fromkeys(KEYS, 1.25) | dict.fromkeys(UNKNOWN, math.nan)
    assert [texts.cells(row)[place] for place in (1, 7)] == ["–", "–"]
    (saved,) = DictReader(io.StringIO(table_text([row], ",")))
    assert {name for name, value in saved.items() if not value} == set(UNKNOWN)


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
def test_the_summary_names_the_liver_where_it_is_known(liver, burden, said):
    facts = {"lesion_count": 1, "liver_ml": liver, "lesion_ml": 30.0, "burden_percent": burden}
    assert texts.summary(facts | {"run": {"seconds": 8.0, "device": "cpu"}}, "CT") == said


@pytest.mark.parametrize("words", ["<img src='//evil/x.png'>", "a <i>b</i>", "<script>x</script>"])
def test_words_of_models_and_scenes_stay_words_in_rich_text(words):
    facts = {"lesion_count": words, "liver_ml": None, "lesion_ml": 1.0, "burden_percent": 1.0}
    rich = (
        texts.card(CARD | {"segments": words}),
        texts.no_card([CARD], words),
        texts.listed([words, "and more"]),
        texts.summary(facts | {"run": {"seconds": 8.0, "device": words}}, words),
    )
    for text in rich:
        shown, tags = read(text)
        assert words in shown
        assert set(tags) <= {"b", "br"}


def test_words_in_plain_text_are_left_alone():
    assert texts.removal("<i>a</i> & b") == "Delete the model “<i>a</i> & b” from this computer?"
    assert texts.other_volume("<i>a</i>").startswith("This is the result of “<i>a</i>”, not of")
    assert texts.card_tool_tip({"definition": "Dice > 0"}) == "Dice > 0"


@pytest.mark.parametrize(
    ("name", "file"),
    [("CT: liver/lesions", "CT_ liver_lesions"), ("../..", "_"), (" ", "result"), ("Leber ü 2", "Leber ü 2")],
)
def test_a_result_gives_its_files_a_name_that_stays_in_their_folder(name, file):
    assert texts.file_name(name) == file
