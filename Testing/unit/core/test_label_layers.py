import numpy as np
import pytest

from LiverTumorSegLib.core.label_layers import (
    LabelLayer,
    in_one_layer,
    names_as_text,
    names_from_text,
    structure_from_name,
    value_names,
)
from LiverTumorSegLib.core.structures import STRUCTURES

LABEL = {name: segment.label for name, segment in STRUCTURES.items()}


def row(*values):
    return np.array([[values]], np.uint8)


def layer(*values, names):
    return LabelLayer(row(*values), tuple(STRUCTURES[name] for name in names))


def test_lesions_lie_over_vessels_these_over_organs_these_over_segments_and_these_over_the_liver():
    labels = row(0, 1, 1, 1, 1, 2)
    spleen, vessel, segment = LABEL["spleen"], LABEL["liver_vessels"], LABEL["liver_segment_3"]
    segments = layer(0, 0, segment, segment, segment, segment, names=["liver_segment_3"])
    organs = layer(spleen, 0, 0, spleen, spleen, spleen, names=["spleen"])
    vessels = layer(0, 0, 0, 0, vessel, vessel, names=["liver_vessels"])
    expected = row(spleen, 1, segment, spleen, vessel, 2)
    assert np.array_equal(in_one_layer(labels, [segments, organs, vessels]), expected)
    assert np.array_equal(in_one_layer(labels, [vessels, organs, segments]), expected)
    assert np.array_equal(labels, row(0, 1, 1, 1, 1, 2))


def test_without_layers_labels_are_taken_as_they_are():
    labels = row(0, 1, 2)
    assert in_one_layer(labels, []) is labels


def test_of_two_models_with_one_kind_of_structure_the_first_lies_over_the_other():
    veins, vessels = layer(4, 0, names=["hepatic_veins"]), layer(3, 3, names=["liver_vessels"])
    assert np.array_equal(in_one_layer(row(1, 1), [veins, vessels]), row(4, 3))
    assert np.array_equal(in_one_layer(row(1, 1), [vessels, veins]), row(3, 3))


def test_names_say_what_lies_mostly_in_the_liver():
    veins = layer(0, 4, 4, 5, names=["hepatic_veins", "portal_vein"])
    assert value_names(row(1, 2, 0, 0), [veins]) == {
        1: "liver", 2: "liver lesion", 4: "hepatic veins, in the liver", 5: "portal vein",
    }  # fmt: skip


def test_names_are_read_back_and_anything_else_is_no_name():
    names = {1: "liver", 4: "hepatic veins, in the liver"}
    assert names_from_text(names_as_text(names)) == names
    for text in ("", "[]", "{", '{"a": 1}', "7", "[" * 10000):
        assert names_from_text(text) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("liver vessels", (3, False)),
        ("Hepatic veins, in the liver", (4, True)),
        ("liver segment IV", (14, True)),
        ("spleen (organs)", (7, False)),
        ("liver", None),
        ("lesion", None),
        ("vessel", None),
    ],
)
def test_a_structure_is_told_from_the_name_that_files_give_it(name, said):
    assert structure_from_name(name) == said
