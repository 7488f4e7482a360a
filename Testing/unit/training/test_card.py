import pytest
from pydantic import ValidationError
from support.models import describe

from LiverTumorSegLib.models.description import Evidence, MeasuredAccuracy, NetworkSpec, PatientDice, Training
from LiverTumorSegLib.training.card import card_text


def test_a_card_says_licence_training_and_that_nothing_was_measured():
    card = card_text(describe())
    assert "CC0-1.0: none." in card
    assert "Not measured yet." in card
    assert "not a medical device" in card


def test_a_card_says_that_nobody_was_held_out():
    training = Training(data="lits", patients=("a",), validation_patients=(), seed=1, command="train")
    assert "- Never trained on: nobody of these data." in card_text(describe(training=training))


def test_a_dash_says_what_a_model_does_not_find():
    network = NetworkSpec(name="unet", in_channels=1, classes=2)
    figures = MeasuredAccuracy(
        definition="As defined.",
        command="measure",
        cases={"a": PatientDice(liver_dice=0.9, lesion_dice=None)},
        compared={"lesions": {"a": PatientDice(liver_dice=None, lesion_dice=0.5)}},
    )
    card = card_text(describe(network=network, labels=("background", "liver"), figures=figures))
    assert "| a | 0.900 | - | - | -, 0.500 |" in card


def test_figures_stand_with_definition_command_and_patients():
    cases = {
        "a": PatientDice(liver_dice=0.9, lesion_dice=0.5),
        "b": PatientDice(liver_dice=0.8, lesion_dice=None, false_lesion_ml=1.25),
    }
    old = {"a": PatientDice(liver_dice=0.6, lesion_dice=0.1), "b": PatientDice(liver_dice=0.7, lesion_dice=None)}
    figures = MeasuredAccuracy(
        definition="As defined.", command="measure", cases=cases, compared={"old": old}, remark="Read with care."
    )
    card = card_text(describe(figures=figures))
    assert "Command: `measure`." in card
    assert "| a | 0.900 | 0.500 |  | 0.600, 0.100 |" in card
    assert "| b | 0.800 | none there | 1.25 | 0.700, none there |" in card
    assert "liver 0.850 over 2 patients, lesion 0.500 over 1 patients" in card
    assert "Read with care." in card


def test_evidence_stands_as_a_table_with_its_command():
    evidence = Evidence(
        title="Choices", text="Each by its gain.", command="compare", head=("what", "gain"), rows=(("a|b", "+0.1"),)
    )
    card = card_text(describe(evidence=(evidence,)))
    assert "## Choices\n\nEach by its gain. Command: `compare`.\n\n| what | gain |\n|---|---|\n| a¦b | +0.1 |\n" in card


def test_every_row_of_evidence_has_all_columns():
    with pytest.raises(ValidationError, match="each of the 2 columns"):
        Evidence(title="t", text="", command="", head=("a", "b"), rows=(("1",),))
