from dataclasses import replace
from time import perf_counter

import pytest

from LiverTumorSegLib.apps.pacs.config import Rule
from LiverTumorSegLib.apps.pacs.rules import SeriesFacts, why_no_rule_fits

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
    assert why_no_rule_fits(LIVER, [rule]) == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(body_part=("CHEST", "NECK")), "its Body Part Examined is not “CHEST or NECK”"),
        (Rule(description="^venous"), "“^venous” is not found in its description"),
        (Rule(not_description="por"), "“por”, which not_description leaves out, is found in its description"),
        (Rule(thinnest_mm=3.5), "its slice thickness, 3 mm, is below thinnest_mm 3.5"),
        (Rule(thickest_mm=2.9), "its slice thickness, 3 mm, is above thickest_mm 2.9"),
        (Rule(fewest_images=81), "its number of images, 80, is below fewest_images 81"),
        (Rule(description="x" * 100), f"“{'x' * 59}…” is not found"),
    ],
)
def test_a_rule_that_misses_one_thing_does_not_fit(rule, words):
    why = why_no_rule_fits(LIVER, [rule])
    assert why.startswith(f"The rule does not fit: {words}")
    assert not any(theirs in why for theirs in ("Portal", "Abdomen"))


def test_one_of_the_rules_is_enough_and_all_that_miss_are_named():
    chest, thin = Rule(body_part=("CHEST",)), Rule(thickest_mm=1)
    assert why_no_rule_fits(LIVER, [chest, thin, Rule()]) == ""
    assert why_no_rule_fits(LIVER, [chest, thin]) == (
        "No rule fits: rule 1: its Body Part Examined is not “CHEST”; "
        "rule 2: its slice thickness, 3 mm, is above thickest_mm 1."
    )
    assert why_no_rule_fits(LIVER, []) == "No rule fits: there is none."


def test_what_a_series_does_not_state_fits_only_where_nothing_is_asked():
    silent = SeriesFacts(images=80)
    assert why_no_rule_fits(silent, [Rule()]) == ""
    assert "states no Body Part Examined" in why_no_rule_fits(silent, [Rule(body_part=("ABDOMEN",))])
    assert "states no slice thickness" in why_no_rule_fits(silent, [Rule(thickest_mm=5)])
    assert "“.” is not found" in why_no_rule_fits(silent, [Rule(description=".")])
    assert why_no_rule_fits(silent, [Rule(not_description="lung")]) == ""


def test_an_archive_s_answer_is_not_held_to_a_slice_thickness():
    assert why_no_rule_fits(SeriesFacts(images=80, is_of_archive=True), [Rule(thickest_mm=5)]) == ""


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (SeriesFacts(images=80, modality="MR"), "It is not CT."),
        (SeriesFacts(images=80, is_localiser=True), "It is a localiser."),
    ],
)
def test_other_modalities_and_localisers_never_run(facts, why):
    assert why_no_rule_fits(facts, [Rule()]) == why


def test_a_long_description_holds_up_nothing():
    begun = perf_counter()
    assert "is not found" in why_no_rule_fits(
        replace(LIVER, description="a " * 1000), [Rule(description="(.*)(.*)venous$")]
    )
    assert perf_counter() - begun < 5  # a hundredth of a second, and twenty where all of it is looked at


def test_of_a_description_no_more_than_what_is_usual_is_looked_at():
    rule = Rule(description="venous")
    assert why_no_rule_fits(replace(LIVER, description="x" * 122 + "venous" + "y" * 9000), [rule]) == ""
    assert why_no_rule_fits(replace(LIVER, description="x" * 9000 + "venous"), [rule]) != ""
