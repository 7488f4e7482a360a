"""New CT series of a DICOMweb server come in once they are whole, and none comes twice, whatever fails on the way."""

from datetime import date

import pydicom
import pytest
from support import dicom_slices, enhanced_dicom
from support.archive_cases import free_port, running
from support.pacs_cases import images, make_service
from support.pacs_watching import QUIET, answer, begun, look_twice, new, serving, states, watching

from LiverTumorSegLib.apps.pacs.config import Rule
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

__all__ = ["make_service", "watching"]


def test_a_series_comes_in_when_the_number_of_its_images_has_not_changed(archive, watching, tmp_path):
    service, watcher, clock = watching(archive.web)
    files = new(tmp_path / "sent", count=5)
    archive.store(*files[:3])
    watcher.look()
    clock.seconds += QUIET - 1
    archive.store(*files[3:])
    watcher.look()
    clock.seconds += QUIET - 1
    watcher.look()
    assert states(service) == {}
    clock.seconds += 1
    watcher.look()
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 5)}
    assert [one.number for one in service.queue.quiet()] == [1]
    as_sent = {(one := pydicom.dcmread(file)).SOPInstanceUID: one for file in files}
    for file in images(service):
        one = pydicom.dcmread(file)
        assert one == as_sent[one.SOPInstanceUID]
    assert list(service.inbox.arriving.iterdir()) == []


def test_what_was_taken_is_not_asked_for_again(archive, watching, tmp_path):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web)
    look_twice(watcher, clock)
    asked = []
    watcher.take = lambda *names: asked.append(names)
    look_twice(watcher, clock)
    _, after_restart, clock = begun(service)
    after_restart.take = watcher.take
    look_twice(after_restart, clock)
    assert asked == []


def test_objects_of_the_service_itself_and_other_modalities_are_left_alone(archive, watching, tmp_path):
    for number, modality in enumerate(("SEG", "SR", "MR")):
        archive.store(*new(tmp_path / modality, f"1.2.4.{number}", Modality=modality))
    service, watcher, clock = watching(archive.web)
    look_twice(watcher, clock)
    assert states(service) == {}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule(fewest_images=4), "its number of images, 3, is below fewest_images 4"),
        (Rule(fewest_images=2, description="portal"), "its description"),
        (Rule(fewest_images=2, not_description="series"), "its description"),
    ],
)
def test_rules_that_the_archives_answers_decide_cost_no_download(archive, watching, tmp_path, rule, why):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web, (rule,))
    watcher.take = None
    look_twice(watcher, clock)
    look_twice(watcher, clock)
    (passed,) = service.queue.all()
    assert (passed.state, passed.images) == (SeriesState.PASSED, 0)
    assert why in passed.why


def test_rules_that_they_do_not_decide_are_left_for_later(archive, watching, tmp_path):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web, (Rule(fewest_images=2, body_part=("ABDOMEN",), thickest_mm=1),))
    look_twice(watcher, clock)
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 3)}


def test_a_series_with_too_many_images_is_not_even_asked_for(archive, watching, tmp_path):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web, limits={"series_images": 2})
    watcher.take = None
    look_twice(watcher, clock)
    assert "series_images" in service.queue.all()[0].why


def test_a_service_that_ended_before_it_said_that_a_series_is_whole_says_so_later(
    archive, watching, tmp_path, monkeypatch
):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web)
    with monkeypatch.context() as patch:
        patch.setattr(type(service.inbox), "whole", lambda *_: None)
        look_twice(watcher, clock)
    assert service.queue.quiet() == []
    _, watcher, clock = begun(service)
    look_twice(watcher, clock)
    assert len(service.queue.quiet()) == 1


def test_an_archive_that_is_down_is_logged_once_and_asked_less_and_less_often(watching, tmp_path, caplog):
    ports = {"http": free_port(), "dicom": free_port()}
    service, watcher, clock = watching(
        f"http://127.0.0.1:{ports['http']}/dicom-web",
        limits={"retry_seconds": 10, "longest_retry_seconds": 25},
    )
    asked, ct_series = [], watcher._source.ct_series
    watcher._source.ct_series = lambda since: asked.append(clock.seconds - 1000) or ct_series(since)
    for _ in range(100):
        watcher.look()
        clock.seconds += 1
    assert asked == [0, 10, 30, 55, 80]
    assert caplog.text.count("cannot be connected to") == 1
    clock.seconds += 25
    with running(tmp_path / "orthanc", **ports) as archive:
        archive.store(*new(tmp_path / "sent"))
        look_twice(watcher, clock)
    assert caplog.text.count("answers again") == 1
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 3)}
    assert "1.2.3" not in caplog.text


def test_a_series_that_always_fails_does_not_hold_up_the_others(watching):
    with serving([answer("1.2.3"), answer("1.2.4")]) as (url, _):
        _, watcher, clock = watching(url)
        found, fetch = [], watcher.take

        def take(study, series):
            found.append(series)
            if series == "1.2.3":
                fetch("1.2.9", "not a UID/../..")

        watcher.take = take
        for _ in range(4):
            look_twice(watcher, clock)
            clock.seconds += 3600
    assert "1.2.4" in found


def test_an_enhanced_ct_is_fetched_though_it_is_one_object(archive, watching, tmp_path):
    one = enhanced_dicom.enhanced(dicom_slices.plain(count=60))
    one.StudyDate = f"{date.today():%Y%m%d}"
    archive.store(enhanced_dicom.write(one, tmp_path / "ct.dcm"))
    service, watcher, clock = watching(archive.web, (Rule(fewest_images=60),), {"image_mb": 0.03})
    look_twice(watcher, clock)
    assert states(service) == {"1.2.32": (SeriesState.RECEIVING, 1)}
    assert len(service.queue.quiet()) == 1
    assert watcher.look()


def test_an_enhanced_ct_that_no_rule_wants_costs_no_download(archive, watching, tmp_path):
    one = enhanced_dicom.enhanced(dicom_slices.plain())
    one.StudyDate = f"{date.today():%Y%m%d}"
    archive.store(enhanced_dicom.write(one, tmp_path / "ct.dcm"))
    service, watcher, clock = watching(archive.web, (Rule(fewest_images=2, description="portal"),))
    watcher.take = None
    look_twice(watcher, clock)
    assert states(service) == {"1.2.32": (SeriesState.PASSED, 0)}
