import shutil

import pytest
from support.pacs_core_cases import PacsService, series

from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.apps.pacs.storage import FolderCleanup

DAY = 24 * 3600


@pytest.fixture
def service(tmp_path):
    return PacsService(tmp_path, limits={"keep_days": 2})


@pytest.fixture
def tidying(service):
    return FolderCleanup(service.config, service.queue)


def whole(service, uid="1.2.3"):
    service.take(*series(uid))
    number = service.queue.of(uid).number
    service.queue.waits(number)
    return number


def made(service, uid="1.2.3"):
    number = whole(service, uid)
    service.queue.begin()
    service.folder.result(number).mkdir()
    (service.folder.result(number) / "a.dcm").write_bytes(b"a")
    service.queue.made(number, ["a.dcm"])
    return number


def has(service, number=1):
    return service.folder.images(number).is_dir(), service.folder.result(number).is_dir()


def test_nothing_that_is_needed_is_deleted(service, tidying):
    whole(service, "1.2.4")
    service.queue.failed(1, "why")
    made(service)
    whole(service, "1.2.5")
    service.clock.wait(1.9 * DAY)
    tidying.step()
    assert [has(service, number) for number in (1, 2, 3)] == [(True, False), (True, True), (True, False)]
    assert len(list(service.folder.images(3).iterdir())) == 12


def test_images_go_when_their_series_is_done_and_results_later(service, tidying):
    made(service)
    service.queue.sent(1)
    tidying.step()
    assert has(service) == (False, True)
    service.clock.wait(2 * DAY + 1)
    tidying.step()
    assert has(service) == (False, False)
    assert (service.only().state, service.only().images) == (SeriesState.DONE, 12)


def test_images_of_a_series_that_is_passed_by_go(service, tidying):
    service.take(*series())
    service.queue.passed(1, "why")
    tidying.step()
    assert has(service) == (False, False)


def test_a_series_that_failed_is_kept_for_some_days(service, tidying):
    made(service)
    service.queue.failed(1, "why")
    service.clock.wait(2 * DAY)
    tidying.step()
    assert has(service) == (True, True)
    service.clock.wait(1)
    tidying.step()
    assert has(service) == (False, False)
    service.take(*series())
    assert (service.only().state, len(list(service.folder.images(1).iterdir()))) == (SeriesState.RECEIVING, 12)


def test_files_that_no_row_knows_are_deleted_at_the_start(service, tidying):
    whole(service)
    for stray in (service.folder.arriving / "x", service.folder.images(1) / "13.dcm", service.folder.images(1) / "x"):
        stray.write_bytes(b"half")
    for stray in (
        service.folder.making / "1-ab",
        service.folder.result(1),
        service.folder.images(9),
        service.folder.images(1) / "y",
    ):
        stray.mkdir()
    (service.folder.result(1) / "segmentation.dcm").write_bytes(b"half")
    tidying.repair()
    tidying.step()
    assert [path.name for path in service.folder.arriving.iterdir()] == []
    assert [path.name for path in service.folder.making.iterdir()] == []
    assert [path.name for path in service.folder.results.iterdir()] == []
    assert [path.name for path in service.folder.series.iterdir()] == ["1"]
    assert len(list(service.folder.images(1).iterdir())) == 12
    assert service.only().state is SeriesState.WAITING


def test_what_was_segmented_at_the_end_waits_at_the_start(service, tidying):
    whole(service)
    service.queue.begin()
    tidying.repair()
    assert service.only().state is SeriesState.WAITING


def test_a_series_that_takes_the_service_down_again_and_again_fails(service, tidying, caplog):
    whole(service)
    for times in range(1, 4):
        assert service.queue.begin().tries == times - 1
        tidying.repair()
    failed = service.only()
    assert failed.state is SeriesState.FAILED
    assert "The service died while it was segmented" in failed.why
    assert "job 1: failed." in caplog.text
    assert service.queue.retry(1).state is SeriesState.WAITING


@pytest.mark.parametrize("state", [SeriesState.RECEIVING, SeriesState.WAITING, SeriesState.SEGMENTING])
def test_an_image_that_is_gone_is_not_segmented_without(service, tidying, state, caplog):
    service.take(*series())
    if state is not SeriesState.RECEIVING:
        service.queue.waits(1)
    if state is SeriesState.SEGMENTING:
        service.queue.begin()
    service.folder.image(1, 7).unlink()
    tidying.repair()
    assert service.only().state is SeriesState.RECEIVING
    assert None in service.queue.files(1)
    assert "job 1: one of its images is gone" in caplog.text


def test_a_result_that_is_gone_is_made_again(service, tidying):
    made(service)
    shutil.rmtree(service.folder.result(1))
    tidying.repair()
    assert service.only().state is SeriesState.WAITING
    assert service.queue.objects(1) == []


def test_a_start_after_a_good_end_changes_nothing(service, tidying):
    made(service)
    whole(service, "1.2.4")
    before = service.queue.all(), sorted(service.folder.path.rglob("*"))
    tidying.repair()
    assert (service.queue.all(), sorted(service.folder.path.rglob("*"))) == before


def test_a_series_that_never_becomes_whole_does_not_wait_for_ever(service, tidying):
    service.take(*series(), asked="1.2.3")
    service.clock.wait(2 * DAY)
    tidying.step()
    assert service.only().state is SeriesState.RECEIVING
    service.clock.wait(1)
    tidying.step()
    assert (service.only().state, has(service)) == (SeriesState.FAILED, (True, False))
    service.clock.wait(2 * DAY + 1)
    tidying.step()
    assert has(service) == (False, False)
