import math

import pytest
from pydantic import TypeAdapter, ValidationError

from LiverTumorSegLib.training.augmentation.options import SETS, Augmentation, NamedAugmentation

READ = TypeAdapter(NamedAugmentation).validate_python


def test_ranges_that_are_not_given_are_those_of_the_model_that_ships():
    assert READ({"rotation": 5}) == SETS["unet-lits"].model_copy(update={"rotation": 5})
    assert READ("unet-lits") == Augmentation()


def test_a_set_without_changes_has_none():
    ranges = SETS["none"].model_dump(exclude={"isotropic", "elastic_points", "zoom", "distance", "synthetic_lesions"})
    assert set(ranges.values()) == {0, (0, 0)}
    assert SETS["none"].zoom == SETS["none"].distance == (1, 1)
    assert SETS["none"].synthetic_lesions is None


def test_the_published_ranges():
    li, ahmad = SETS["li"], SETS["ahmad"]
    assert (li.rotation, li.zoom, li.shift_share, li.shear) == (10, (0.95, 1.05), 0.05, 0.05)
    assert (ahmad.rotation, ahmad.zoom, ahmad.elastic, ahmad.elastic_points) == (10, (0.9, 1.1), 7.5, 7)
    assert math.exp(ahmad.gamma) == pytest.approx(1.35, abs=0.01)
    assert SETS["torchio"] == SETS["none"].model_copy(
        update={"rotation": 10, "tilt": 10, "zoom": (0.9, 1.1), "isotropic": False}
    )
    assert not li.isotropic
    assert not ahmad.isotropic


@pytest.mark.parametrize("name", SETS)
def test_a_set_survives_being_written_down(name):
    assert READ(SETS[name].model_dump(mode="json")) == SETS[name]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("lee", "no set of augmentations called “lee”: choose one of none, li, ahmad, torchio, unet-lits"),
        ({"turning": 3}, "Extra inputs"),
        ({"rotation": -1}, "greater than or equal to 0"),
        ({"rotation": float("nan")}, "finite"),
        ({"zoom": (1.2, 0.8)}, "from its smaller to its larger end, not from 1.2 to 0.8"),
        ({"zoom": (0, 1)}, "greater than 0"),
        ({"blur": 1.5}, "less than or equal to 1"),
        ({"elastic_points": 4}, "greater than or equal to 5"),
    ],
)
def test_what_is_no_range_is_said(entry, words):
    with pytest.raises(ValidationError, match=words):
        READ(entry)


def test_elastic_displacements_that_can_fold_are_refused():
    SETS["ahmad"].check_folding(224)
    with pytest.raises(
        ValueError, match=r"7\.5 pixels can fold a crop of 48 pixels with 7 control points: at most 5\.9"
    ):
        SETS["ahmad"].check_folding(48)
