import pytest

from LiverTumorSegLib.node.config import Rule
from LiverTumorSegLib.node.rules import SeriesFacts, fits

LIVER = SeriesFacts(images=80, body_part="Abdomen", description="Portal venous 3.0", thickness_mm=3.0, modality="CT")


@pytest.mark.parametrize(
    "rule",
    [
        Rule(),
        Rule(body_part=("CHEST", "ABDOMEN")),
        Rule(description="VENOUS|arterial"),
        Rule(not_description="lung"),
        Rule(thinnest_mm=3.0, thickest_mm=3.0),
        Rule(fewest_images=80),
    ],
)
def test_a_rule_fits_what_it_states(rule):
    assert fits(LIVER, [rule]) == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(body_part=("CHEST",)), "another body part"),
        (Rule(description="^venous"), "description is another"),
        (Rule(not_description="portal"), "one that is left out"),
        (Rule(thinnest_mm=3.1), "slice thickness"),
        (Rule(thickest_mm=2.9), "slice thickness"),
        (Rule(fewest_images=81), "fewer images"),
    ],
)
def test_a_rule_that_misses_one_thing_does_not_fit(rule, words):
    why = fits(LIVER, [rule])
    assert why.startswith("The rule does not fit: ")
    assert words in why
    assert "Portal" not in why


def test_one_of_the_rules_is_enough_and_all_that_miss_are_named():
    chest, thin = Rule(body_part=("CHEST",)), Rule(thickest_mm=1)
    assert fits(LIVER, [chest, thin, Rule()]) == ""
    assert fits(LIVER, [chest, thin]) == (
        "No rule fits: rule 1: it is of another body part, or states none; "
        "rule 2: its slice thickness is another, or not stated."
    )
    assert fits(LIVER, []) == "No rule fits: there is none."


def test_what_a_series_does_not_state_fits_only_where_nothing_is_asked():
    silent = SeriesFacts(images=80)
    assert fits(silent, [Rule()]) == ""
    for rule in (Rule(body_part=("ABDOMEN",)), Rule(thickest_mm=5), Rule(description=".")):
        assert fits(silent, [rule])
    assert fits(silent, [Rule(not_description="lung")]) == ""


def test_an_archive_s_answer_is_not_held_to_a_slice_thickness():
    assert fits(SeriesFacts(images=80, is_of_archive=True), [Rule(thickest_mm=5)]) == ""


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (SeriesFacts(images=80, modality="MR"), "It is not CT."),
        (SeriesFacts(images=80, is_localiser=True), "It is a localiser."),
    ],
)
def test_other_modalities_and_localisers_never_run(facts, why):
    assert fits(facts, [Rule()]) == why
