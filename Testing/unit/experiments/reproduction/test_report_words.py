import pytest
from support.reproduction_cases import recipe, reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.course import Course
from LiverTumorSegLib.experiments.reproduction.report import report_sections, unsound_steps
from LiverTumorSegLib.experiments.reproduction.results import Figure
from LiverTumorSegLib.experiments.reproduction.volume_steps import steps_of
from LiverTumorSegLib.postprocessing.settings import NO_CLEAN_UP

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
    by_patient = "Patients are held out with all of their slices" in " ".join(unsound_steps(systems.load(name)))
    assert by_patient == (name not in ("dhanush", "li"))


@pytest.mark.parametrize("name", NAMES)
def test_what_papers_leave_open_of_the_split_is_our_reading_of_them(name):
    known = systems.load(name)
    row = row_result(known.rows[0].name, [None] * len(known.metrics), *[0.5] * len(known.metrics))
    said = report_sections(known, reproduced(name, [row]))
    differs = said["Where the published protocol, as it is read here, differs from a sound one"]
    read_so = "it is read here as splitting slices" in differs[0]
    assert read_so == any("here slices are drawn" in each for each in known.undefined)


def test_whole_cts_with_training_on_liver_alone_are_named():
    row = row_result("U-Net", (96, 94, 0.76, *[None] * 5), *[0.5] * 8)
    chosen = report_sections(systems.load("dhanush"), reproduced("dhanush", [row]))[
        "What was chosen where the paper is silent"
    ]
    (sentence,) = [each for each in chosen if each.startswith("training slices of the sound protocol: ")]
    assert "only those that show the liver" in sentence
    assert "whole CTs are measured" in sentence


def test_a_part_for_validation_is_said_to_be_measured_nowhere():
    row = row_result("U-Net", (96, 94, 0.76, *[None] * 5), *[0.5] * 8)
    said = report_sections(systems.load("dhanush"), reproduced("dhanush", [row]))["What was measured"]
    assert any("Training validates on 10 % of the slices, which it does not learn from" in each for each in said)


@pytest.mark.parametrize(("size", "folds"), [("quick", 2), ("small", 2), ("published", 4)])
def test_the_folds_that_were_made_are_named(size, folds):
    known = systems.load("elmenabawy")
    row = row_result(known.rows[0].name, (82.3, 4.21, 57.7, 5.76), *[0.5] * 4)
    said = report_sections(known, reproduced("elmenabawy", [row], size=size))["What was measured"]
    start = f"Published protocol: each of {folds} folds of the patients in turn held out, drawn at random."
    assert any(each.startswith(start) for each in said)


def test_trainings_that_ended_early_are_counted_as_long_as_they_took():
    row = row_result("U-Net", (0.822, None), 0.5, 0.5)
    sizes = row.sizes.model_copy(update={"trainings": 2, "steps": 750})
    taken = tuple(Course(steps=steps, planned=3000, loss=((1, 1.0),), flattened=True) for steps in (750, 3000))
    for courses, words in (
        (taken, "2 trainings of 750 and 3000 steps on"),
        (taken[:1], "2 trainings, each 750 steps on"),
    ):
        done = reproduced("li", [row.model_copy(update={"sizes": sizes, "courses": courses})])
        (said,) = report_sections(systems.load("li"), done)["Sizes"]
        assert words in said


def test_what_finding_nothing_scores_is_explained_where_it_stands_in_the_table():
    known, row = systems.load("kulkarni"), row_result("U-Net", (0.8215, 0.7976, 1.0, None, None), *[0.7] * 5)
    nothing = tuple(Figure(value=value, counted=3) for value in (0.864, 0.8, 0.5, 0.0, 0.0))
    said = report_sections(known, reproduced("kulkarni", [row.model_copy(update={"nothing": nothing})]))
    assert "The row “nothing found” is what a network" in said["What was measured"][-1]
    assert not any(
        "nothing found" in each for each in report_sections(known, reproduced("kulkarni", [row]))["What was measured"]
    )


def with_steps(name, row, protocol, **changes):
    """A row's result whose whole CTs were segmented as the recipe says."""
    known = systems.load(name)
    steps = steps_of(recipe(name, row).model_copy(update=changes), known.metrics)
    empty = [None] * len(known.metrics)
    return row_result(row, empty, *empty).model_copy(update={"steps": steps})


def test_the_steps_of_whole_cts_are_named_once_for_all_rows():
    rows = [with_steps("kulkarni", row, "sound") for row in ("U-Net", "ResNet-50")]
    said = report_sections(systems.load("kulkarni"), reproduced("kulkarni", rows, protocol="sound"))[
        "What was measured"
    ]
    assert said.count("Every slice of a CT was segmented: no coarse pass looked for the liver first.") == 1
    assert said.count("Labels and probabilities, and so Dice and AUC, are of one segmentation.") == 1
    assert any(each.startswith("No clean-up ran, since the paper has none") for each in said)


def test_rows_with_other_steps_are_told_apart():
    first = with_steps("li", "U-Net", "sound")
    second = with_steps("li", "AU-Net", "sound", postprocessing=NO_CLEAN_UP.model_copy(update={"fill_holes": True}))
    done = reproduced("li", [first, second], protocol="sound")
    said = report_sections(systems.load("li"), done)["What was measured"]
    assert "sound protocol, AU-Net: Clean-up that ran, as the paper has it: fill holes in the liver." in said
    assert any(each.startswith("sound protocol, U-Net: No clean-up ran") for each in said)


def test_what_training_validates_on_is_said_where_there_is_any():
    known, row = systems.load("li"), row_result("U-Net", (0.822, None), 0.5, 0.5)
    said = " ".join(report_sections(known, reproduced("li", [row], size="published"))["What was measured"])
    assert "20 % of the slices held out, drawn at random. Training validates on 10 % of the slices, which" in said
    kulkarni = row_result("U-Net", (0.8215, 0.7976, 1.0, None, None), *[0.5] * 5)
    said = report_sections(systems.load("kulkarni"), reproduced("kulkarni", [kulkarni]))["What was measured"]
    assert not any("Training validates" in each for each in said)


def test_a_protocol_beside_the_papers_says_why_it_is_there():
    known, row = systems.load("kulkarni"), row_result("U-Net", (0.8215, 0.7976, 1.0, None, None), *[0.7] * 5)
    said = report_sections(known, reproduced("kulkarni", [row], protocol="slices"))["What was measured"]
    assert "Slices protocol: 20 % of the slices held out, drawn at random." in said
    assert known.protocols["slices"].why in said
    assert any(each.startswith("Dice of patients, slices protocol: mean over the patients") for each in said)


@pytest.mark.parametrize(("size", "raised"), [("small", True), ("quick", False), ("published", False)])
def test_more_held_out_patients_of_the_small_size_are_named(size, raised):
    row = row_result("U-Net", (96, 94, 0.76, *[None] * 5), *[0.5] * 8)
    said = report_sections(systems.load("dhanush"), reproduced("dhanush", [row], size=size, protocol="sound"))
    (sentence,) = [each for each in said["What was measured"] if each.startswith("Sound protocol")]
    assert ("and 8 at least where there are twice as many" in sentence) == raised


def test_where_nothing_is_held_back_a_small_training_takes_all_its_steps_and_that_is_said():
    row = row_result("U-Net", (0.8215, 0.7976, 1.0, None, None), *[0.5] * 5)
    for size in ("small", "quick", "published"):
        said = " ".join(
            report_sections(systems.load("kulkarni"), reproduced("kulkarni", [row], size))["What was measured"]
        )
        assert ("No part is held back for validations, so that a training takes all 3000 steps." in said) == (
            size == "small"
        )
