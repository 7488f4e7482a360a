import pytest
from node_core_cases import Node, series

from LiverTumorSegLib.node.gathering import Gathering
from LiverTumorSegLib.node.queue import State


def gathered(tmp_path, images, *rules):
    node = Node(tmp_path, rules=rules or ({"fewest_images": 10},))
    node.take(*images)
    node.clock.wait(30)
    judge = Gathering(node.config, node.queue)
    assert judge.step()
    assert not judge.step()
    return node


def changed(**values):
    images = series()
    for image in images:
        for keyword, value in values.items():
            setattr(image, keyword, value)
    return images


def test_a_series_that_is_quiet_and_fits_waits(tmp_path):
    node = gathered(tmp_path, series())
    assert node.only().state is State.WAITING


def test_nothing_is_judged_before_it_is_quiet(tmp_path):
    node = Node(tmp_path)
    node.take(*series())
    node.clock.wait(29)
    assert not Gathering(node.config, node.queue).step()
    assert node.only().state is State.RECEIVING


@pytest.mark.parametrize(
    ("values", "rule", "runs"),
    [
        ({"BodyPartExamined": "ABDOMEN"}, {"body_part": ["abdomen"]}, True),
        ({"BodyPartExamined": "CHEST"}, {"body_part": ["abdomen"]}, False),
        ({"SeriesDescription": "Vénous"}, {"description": "v.nous"}, True),
        ({"SliceThickness": "2.5"}, {"thickest_mm": 3}, True),
        ({"SliceThickness": "2.5"}, {"thinnest_mm": 3}, False),
        ({"SliceThickness": ""}, {"thickest_mm": 3}, False),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, {}, False),
        ({}, {"fewest_images": 13}, False),
    ],
)
def test_rules_see_what_the_first_image_states(tmp_path, values, rule, runs):
    node = gathered(tmp_path, changed(**{"SpecificCharacterSet": "ISO_IR 192"} | values), rule)
    assert node.only().state is (State.WAITING if runs else State.PASSED)
    assert bool(node.only().why) is not runs


def test_a_series_that_is_passed_by_names_none_of_its_words(tmp_path, caplog):
    caplog.set_level("INFO")
    node = gathered(tmp_path, changed(SeriesDescription="Doe^Jane lung"), {"not_description": "lung"})
    assert node.only().state is State.PASSED
    assert "Jane" not in node.only().sentence + caplog.text
    assert "job 1: passed by" in caplog.text


def test_a_series_that_came_again_in_part_fails(tmp_path):
    node = gathered(tmp_path, series(), {"fewest_images": 13})
    node.take(series()[0])
    node.clock.wait(30)
    Gathering(node.config, node.queue).step()
    assert node.only().state is State.FAILED
    assert node.only().why == "Not all of its images are here any more: have the whole series sent again."
    node.take(*series(count=13))
    node.clock.wait(30)
    Gathering(node.config, node.queue).step()
    assert (node.only().state, node.only().images) == (State.WAITING, 13)


def test_a_series_whose_file_was_damaged_since_fails(tmp_path):
    node = Node(tmp_path)
    node.take(*series())
    node.folder.image(1, 1).write_bytes(b"")
    node.clock.wait(30)
    Gathering(node.config, node.queue).step()
    assert node.only().state is State.FAILED
    assert "cannot be read any more" in node.only().why
