import pytest

from LiverTumorSegLib.preprocessing import named_chains
from LiverTumorSegLib.training.augmentation import SETS
from LiverTumorSegLib.training.augmentation.published import describe_augmentation


@pytest.mark.parametrize("name", [entry.name for entry in named_chains() if entry.name in SETS])
def test_a_system_with_augmentation_says_what_the_paper_has_what_was_chosen_and_the_ranges(name):
    headings = dict(describe_augmentation(name))
    assert len(headings) == 3
    assert all(words.endswith(".") for words in headings.values())


def test_ranges_are_those_that_change_anything():
    assert dict(describe_augmentation("li"))["Ranges in training"] == (
        "rotation 10, zoom 0.95 to 1.05, isotropic no, shear 0.05, shift share 0.05."
    )


@pytest.mark.parametrize("name", ["kulkarni", "none", "unet-lits"])
def test_others_say_nothing(name):
    assert list(describe_augmentation(name)) == []
