import csv
import io
import json

import numpy as np
import pytest
from support.other_structures import named, other

from LiverTumorSegLib.core.structures import STRUCTURES
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.segment import OtherStructures, Segmentation, SegmentationOptions
from LiverTumorSegLib.pipeline import measure_and_write
from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.lesions import measure_lesions, number_lesions
from LiverTumorSegLib.reporting.liver_segments import with_liver_segments
from LiverTumorSegLib.reporting.other_structures import (
    by_restriction,
    layers_of,
    map_of_liver_segments,
    measure_structures,
    part_of,
)

LABEL = {name: segment.label for name, segment in STRUCTURES.items()}


@pytest.fixture
def found(small_phantom):
    """The phantom with a lesion model, a liver model, Couinaud's segments on two sides, and two models of vessels."""
    labels = small_phantom.labels
    halves = np.zeros_like(labels)
    middle = labels.shape[2] // 2
    halves[..., :middle], halves[..., middle:] = LABEL["liver_segment_6"], LABEL["liver_segment_2"]
    vessels = np.where(labels == 1, LABEL["liver_vessels"], 0).astype(np.uint8)
    others = (
        other(halves, "couinaud", "liver_segment_2", "liver_segment_6", "liver_segment_8"),
        other(vessels, "vessels", "liver_vessels"),
        other(vessels, "more-vessels", "liver_vessels"),
    )
    livers = named("livers", licence="CC-BY-NC-4.0", terms="not for commercial use")
    return Segmentation(
        labels, small_phantom.volume, named("lesions", labels=("background", "lesion"), network={"name": "unet",
        "in_channels": 1, "classes": 2}), "cpu", SegmentationOptions(), (), 1.0, others=others, liver_model=livers,
    )  # fmt: skip


def test_each_name_of_a_segment_is_there_once(found):
    names = [segment.name for layer in layers_of(found) for segment in layer.segments]
    assert names == [
        "liver segment II", "liver segment VI", "liver segment VIII", "liver vessels", "liver vessels (more-vessels)",
    ]  # fmt: skip


def test_volumes_are_those_of_the_voxels(found):
    measured = {each.title: each for each in measure_structures(found)}
    liver_ml = np.count_nonzero(found.labels == 1) * found.volume.voxel_ml
    assert measured["liver vessels"].volume_ml == pytest.approx(liver_ml)
    assert measured["liver segment VIII"].volume_ml == 0
    assert (measured["liver segment II"].name, measured["liver segment II"].model) == ("liver_segment_2", "couinaud")


def test_a_lesion_lies_in_the_segments_that_hold_a_tenth_of_it_the_one_with_most_first():
    labels, segments = np.zeros((1, 5, 19), np.uint8), np.zeros((1, 5, 19), np.uint8)
    labels[0, 0], labels[0, 2, :10], labels[0, 4, :9] = 2, 2, 2
    segments[0, 0] = [11] + [12] * 8 + [18] * 10  # one of 19 voxels is less than a tenth
    segments[0, 2, 0] = 14
    volume = Volume(np.zeros(labels.shape, np.int16), np.eye(4))
    table, numbered = measure_lesions(labels, volume), number_lesions(labels, volume)
    told = with_liver_segments(table, numbered, map_of_liver_segments((other(segments, "a", "liver_segment_1"),)))
    assert [lesion.liver_segments for lesion in told.lesions] == [("VIII", "II"), ("IV",), ()]


def test_segments_of_the_liver_are_not_known_where_nobody_looked_for_them(found):
    assert map_of_liver_segments(found.others[1:]) is None
    table = measure_lesions(found.labels, found.volume)
    assert with_liver_segments(table, found.labels, None) is table
    assert {lesion.liver_segments for lesion in table.lesions} == {None}


def test_the_narrowest_licence_comes_first():
    own = named("own", licence="Hospital licence", terms="ask first")
    research = named("research", licence="X", terms="for research only")
    free, named_free = named("free"), named("by", licence="CC-BY-4.0")
    assert [each.name for each in by_restriction((free, own, named_free, research))] == [
        "research",
        "own",
        "free",
        "by",
    ]


def test_files_name_every_model_what_it_marked_and_its_licence_and_the_structures(found, tmp_path):
    result = measure_and_write(found)
    assert all(lesion.liver_segments for lesion in result.lesions.lesions)
    facts = report_files.report_facts(found, result.lesions)
    assert [each["name"] for each in facts["models"]] == ["livers", "lesions", "couinaud", "vessels", "more-vessels"]
    marks = {each["name"]: each["marks"] for each in facts["models"]}
    assert (marks["livers"], marks["lesions"], marks["couinaud"]) == ("liver", "lesions", "other structures")
    assert facts["structures"][0]["title"] == "liver segment II"
    assert json.loads(json.dumps(facts))["lesions"][0]["liver_segments"] == list(
        result.lesions.lesions[0].liver_segments
    )
    page = report_files.render_page(found, result.lesions)
    assert page.index("CC-BY-NC-4.0") < page.index("Apache-2.0")
    for words in ("<h2>Other structures</h2>", "liver vessels (more-vessels)", "not found", "Liver segments"):
        assert words in page
    first = next(csv.DictReader(io.StringIO(result.lesions.to_csv())))
    assert first["liver_segments"] == " ".join(result.lesions.lesions[0].liver_segments)


def test_a_lesion_in_no_segment_has_a_dash(found, small_phantom):
    nothing = other(np.zeros_like(found.labels), "couinaud", "liver_segment_2")
    table = measure_and_write(
        Segmentation(found.labels, found.volume, found.model, "cpu", SegmentationOptions(), (), 1.0, others=(nothing,))
    ).lesions
    assert {lesion.in_segments for lesion in table.lesions} == {"-"}
    assert "segment" not in table.lesions[0].in_words


def test_a_model_that_does_several_things_is_told_so(found):
    both = Segmentation(
        found.labels, found.volume, named("all", ["spleen"]), "cpu", SegmentationOptions(), (), 1.0,
        others=(OtherStructures(named("all", ["spleen"]), found.labels),),
    )  # fmt: skip
    assert part_of(both.model, both) == "liver, lesions and other structures"
