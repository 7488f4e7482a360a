import pytest

from LiverTumorSegLib.preprocessing import Chain, named, named_chains
from LiverTumorSegLib.preprocessing.description import describe_origin, describe_steps, describe_values


def test_steps_are_listed_with_their_options():
    assert list(describe_steps(named("elmenabawy"))) == [
        "window (level 0, width 4000)",
        "histogram_equalisation (bins 256)",
        "median (size 3)",
    ]


def test_chains_side_by_side_are_told_apart():
    first, second = describe_steps(named("kulkarni"))
    assert first == (
        "channels: window (level 30, width 150); window (level 60, width 200); "
        "frequency_histogram (bins 100, over slice)"
    )
    assert second == "resize (height 256, width 256)"
    mixed = Chain.model_validate([{"step": "channels", "chains": [[], [{"step": "median"}, {"step": "min_max"}]]}])
    assert list(describe_steps(mixed)) == ["channels: HU; median (size 3) then min_max"]


def test_an_empty_chain_is_said_to_be_one():
    assert list(describe_steps(Chain(()))) == ["none: HU as they are"]


def test_what_comes_out_is_said():
    assert describe_values(named("kulkarni")) == "A slice becomes 3 channels with values from 0 to 1."
    assert "not bound to lie from 0 to 1" in describe_values(named("dhanush"))


@pytest.mark.parametrize("entry", named_chains(), ids=lambda entry: entry.name)
def test_what_the_paper_says_and_what_was_chosen_stand_under_headings(entry):
    assert [words.rstrip(".") for _, words in describe_origin(entry)] == [
        words.rstrip(".") for words in (entry.source, entry.says, entry.chosen)
    ]
