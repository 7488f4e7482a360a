import pytest
from support.enhanced_dicom import enhanced, legacy
from support.pacs_core_cases import PacsService, series

from LiverTumorSegLib.apps.pacs.inbox import SeriesSorter
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState


def gathered(tmp_path, images, *rules):
    service = PacsService(tmp_path, rules=rules or ({"fewest_images": 10},))
    service.take(*images)
    service.clock.wait(30)
    judge = SeriesSorter(service.config, service.queue)
    assert judge.step()
    assert not judge.step()
    return service


def changed(**values):
    images = series()
    for image in images:
        for keyword, value in values.items():
            setattr(image, keyword, value)
    return images


def test_a_series_that_is_quiet_and_fits_waits(tmp_path):
    service = gathered(tmp_path, series())
    assert service.only().state is SeriesState.WAITING


def test_nothing_is_judged_before_it_is_quiet(tmp_path):
    service = PacsService(tmp_path)
    service.take(*series())
    service.clock.wait(29)
    assert not SeriesSorter(service.config, service.queue).step()
    assert service.only().state is SeriesState.RECEIVING


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
    service = gathered(tmp_path, changed(**{"SpecificCharacterSet": "ISO_IR 192"} | values), rule)
    assert service.only().state is (SeriesState.WAITING if runs else SeriesState.PASSED)
    assert bool(service.only().why) is not runs


def test_a_series_that_is_passed_by_names_none_of_its_words(tmp_path, caplog):
    caplog.set_level("INFO")
    service = gathered(tmp_path, changed(SeriesDescription="Doe^Jane lung"), {"not_description": "lung"})
    assert service.only().state is SeriesState.PASSED
    assert "Jane" not in service.only().sentence + caplog.text
    assert "job 1: passed by" in caplog.text


def test_a_series_that_came_again_in_part_fails(tmp_path):
    service = gathered(tmp_path, series(), {"fewest_images": 13})
    service.take(series()[0])
    service.clock.wait(30)
    SeriesSorter(service.config, service.queue).step()
    assert service.only().state is SeriesState.FAILED
    assert service.only().why == "Some of its images are gone: have the whole series sent again."
    service.take(*series(count=13))
    service.clock.wait(30)
    SeriesSorter(service.config, service.queue).step()
    assert (service.only().state, service.only().images) == (SeriesState.WAITING, 13)


def test_a_series_whose_file_was_damaged_since_fails(tmp_path):
    service = PacsService(tmp_path)
    service.take(*series())
    service.folder.image(1, 1).write_bytes(b"")
    service.clock.wait(30)
    SeriesSorter(service.config, service.queue).step()
    assert service.only().state is SeriesState.FAILED
    assert "can no longer be read" in service.only().why


@pytest.mark.parametrize("make", [enhanced, legacy])
def test_the_slices_of_an_enhanced_ct_are_its_images(tmp_path, make, caplog):
    caplog.set_level("INFO")
    service = gathered(tmp_path, [make(series())], {"fewest_images": 12})
    assert service.only().state is SeriesState.WAITING
    assert "12 images, waits to be segmented" in caplog.text


def test_parts_of_an_enhanced_ct_count_together(tmp_path):
    parts = [enhanced(series()[at : at + 6], number=1 + at) for at in (0, 6)]
    assert gathered(tmp_path / "both", parts, {"fewest_images": 12}).only().state is SeriesState.WAITING
    passed = gathered(tmp_path / "one", parts[:1], {"fewest_images": 12}).only()
    assert "its number of images, 6, is below fewest_images 12" in passed.why


@pytest.mark.parametrize(("rule", "runs"), [({"thickest_mm": 5}, True), ({"thinnest_mm": 6}, False)])
def test_rules_see_the_thickness_of_an_enhanced_ct(tmp_path, rule, runs):
    service = gathered(tmp_path, [enhanced(series())], rule)
    assert service.only().state is (SeriesState.WAITING if runs else SeriesState.PASSED)
