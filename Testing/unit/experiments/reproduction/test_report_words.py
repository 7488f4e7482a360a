import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.report import report_sections, unsound_steps
from LiverTumorSegLib.experiments.reproduction.results import Figure

NAMES = systems.names()


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_said_in_whole_sentences(name):
    known = systems.load(name)
    row = row_result(known.rows[0].name, [None] * len(known.metrics), *[0.5] * len(known.metrics))
    said = report_sections(known, reproduced(name, [row]))
    assert all(sentence.endswith((".", "`")) for sentences in said.values() for sentence in sentences)
    assert said["What was measured"][0].startswith("Quick: ")
    assert not any(".." in sentence for sentences in said.values() for sentence in sentences)


@pytest.mark.parametrize("name", NAMES)
def test_a_split_by_slices_is_named_as_what_it_is_and_only_where_it_is_one(name):
    leaks = "that were trained on" in " ".join(unsound_steps(systems.load(name)))
    assert leaks == (name in ("dhanush", "kulkarni", "li"))


@pytest.mark.parametrize("name", NAMES)
def test_what_papers_leave_open_of_the_split_is_our_reading_of_them(name):
    known = systems.load(name)
    row = row_result(known.rows[0].name, [None] * len(known.metrics), *[0.5] * len(known.metrics))
    said = report_sections(known, reproduced(name, [row]))
    differs = said["Where the published protocol, as it is read here, differs from a sound one"]
    read_so = "it is read here as splitting slices" in differs[0]
    assert read_so == any("here slices are drawn" in each for each in known.undefined)


def test_whole_cts_with_training_on_liver_alone_are_named():
    row = row_result("U-Net", (96, 94, 0.76), *[0.5] * 3)
    chosen = report_sections(systems.load("dhanush"), reproduced("dhanush", [row]))[
        "What was chosen where the paper is silent"
    ]
    (sentence,) = [each for each in chosen if each.startswith("training slices of the sound protocol: ")]
    assert "only those that show the liver" in sentence
    assert "whole CTs are measured" in sentence


@pytest.mark.parametrize(("size", "folds"), [("quick", 2), ("small", 2), ("published", 4)])
def test_the_folds_that_were_made_are_named(size, folds):
    known = systems.load("elmenabawy")
    row = row_result(known.rows[0].name, (82.3, 4.21, 57.7, 5.76), *[0.5] * 4)
    said = report_sections(known, reproduced("elmenabawy", [row], size=size))["What was measured"]
    assert f"Published protocol: each of {folds} folds of the patients in turn held out, drawn at random." in said


def test_what_finding_nothing_scores_stands_beside_measures_that_flatter_it():
    known, row = systems.load("kulkarni"), row_result("U-Net", (0.8215, 0.7976, 1.0), 0.7, 0.7, 0.9)
    nothing = tuple(Figure(value=value, counted=3) for value in (0.864, 0.0, None))
    said = report_sections(known, reproduced("kulkarni", [row.model_copy(update={"nothing": nothing})]))
    assert (
        "Finding nothing at all would score, published protocol: lesion mean Dice 0.864." in said["What was measured"]
    )
    assert not any(
        "nothing at all" in each for each in report_sections(known, reproduced("kulkarni", [row]))["What was measured"]
    )


@pytest.mark.parametrize(("size", "raised"), [("small", True), ("quick", False), ("published", False)])
def test_more_held_out_patients_of_the_small_size_are_named(size, raised):
    row = row_result("U-Net", (96, 94, 0.76), *[0.5] * 3)
    said = report_sections(systems.load("dhanush"), reproduced("dhanush", [row], size=size, protocol="sound"))
    (sentence,) = [each for each in said["What was measured"] if each.startswith("Sound protocol")]
    assert ("and 8 at least where there are twice as many" in sentence) == raised
