import shutil
from types import SimpleNamespace

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    MRImageStorage,
    RLELossless,
    generate_uid,
)
from support import dicom_slices
from support.enhanced_dicom import enhanced, legacy
from support.pacs_core_cases import PacsService, series

from LiverTumorSegLib.apps.pacs.image_header import Refused
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.core.errors import UserError

OUT_OF_RESOURCES, NO_CT, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000


@pytest.fixture
def service(tmp_path):
    return PacsService(tmp_path)


def refused(service, image, status, sentence, **options):
    with pytest.raises(Refused, match=sentence) as told:
        service.inbox.take(service.arriving(image, **options), "SCANNER")
    assert told.value.status == status
    assert list(service.folder.arriving.iterdir()) == []


def segmented(service, state=SeriesState.SENDING):
    service.take(*series())
    service.queue.waits(1)
    service.queue.begin()
    service.queue.made(1, ["a.dcm"])
    if state is SeriesState.DONE:
        service.queue.sent(1)
    elif state is SeriesState.FAILED:
        service.queue.failed(1, "why")


def test_images_of_two_series_lie_in_a_folder_each(service):
    first, second = series("1.2.3", 3), series("1.2.4", 2)
    service.take(first[0], second[0], *first[1:], second[1])
    assert [(one.number, one.images, one.series) for one in service.queue.all()] == [(2, 2, "1.2.4"), (1, 3, "1.2.3")]
    assert sorted(path.name for path in service.folder.images(1).iterdir()) == ["1.dcm", "2.dcm", "3.dcm"]
    assert list(service.folder.arriving.iterdir()) == []


def test_an_image_is_kept_as_it_came(service):
    [image] = series(count=1)
    before = service.arriving(image).read_bytes()
    service.inbox.take(service.folder.arriving / "image.dcm", "SCANNER")
    assert service.folder.image(1, 1).read_bytes() == before
    assert service.only().sender == "SCANNER"


def test_of_an_image_that_comes_twice_the_first_is_kept(service):
    first, other = series(count=2)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = first.SOPInstanceUID
    service.take(first)
    before = service.folder.image(1, 1).read_bytes()
    service.take(other)
    assert service.folder.image(1, 1).read_bytes() == before
    assert service.only().images == 1


def test_a_watched_series_does_not_end_by_itself(service):
    service.take(*series(), asked="1.2.3")
    service.clock.wait(1e6)
    assert service.queue.quiet() == []
    service.inbox.whole("1.2.3")
    assert len(service.queue.quiet()) == 1


def test_an_archive_that_gives_an_image_of_another_series_than_was_asked_for_is_not_heard(service):
    with pytest.raises(Refused, match="to another series than was asked for"):
        service.take(*series(), asked="1.2.4")
    assert service.queue.all() == []
    assert list(service.folder.arriving.iterdir()) == []


def test_files_of_a_series_that_was_passed_by_are_not_among_those_that_come_again(service):
    """The queue forgets them at once, and they are deleted some time later."""
    service.take(*series())
    service.queue.passed(1, "why")
    service.take(series(count=13)[-1])
    assert [path.name for path in service.folder.images(1).iterdir()] == ["1.dcm"]


def test_it_is_known_how_many_images_of_a_series_came(service):
    assert service.inbox.knows("1.2.3") is None
    segmented(service)
    assert service.inbox.knows("1.2.3") == 12
    refused(service, series(count=13)[-1], NOT_UNDERSTOOD, "after its series was segmented")
    assert service.inbox.knows("1.2.3") == 13


def test_images_that_were_forgotten_do_not_count_as_there_once_the_series_grows(service):
    """Else a fetch that ends in the middle would be taken for whole at the next start."""
    service.take(*series())
    service.queue.passed(1, "why")
    assert service.inbox.knows("1.2.3") == 12
    service.take(*series(count=20)[12:15])
    assert service.inbox.knows("1.2.3") == 3
    service.take(*series(count=20))
    assert service.inbox.knows("1.2.3") == 20


@pytest.mark.parametrize("state", [SeriesState.SENDING, SeriesState.DONE, SeriesState.FAILED])
def test_images_that_come_after_the_result_are_refused_for_good_and_noted(service, state):
    segmented(service, state)
    refused(service, series(count=13)[-1], NOT_UNDERSTOOD, "it came after its series was segmented")
    service.take(series()[0])
    assert service.only().state is state
    assert service.only().sentence.endswith("1 image came after it was segmented and is not in the result.")


def test_an_image_that_comes_during_segmenting_joins(service):
    service.take(*series())
    service.queue.waits(1)
    service.queue.begin()
    service.take(series(count=13)[-1])
    assert (service.only().state, service.only().images) == (SeriesState.RECEIVING, 13)


def test_a_series_that_was_passed_by_is_judged_again_when_it_comes_again(service):
    service.take(*series())
    service.queue.passed(1, "why")
    shutil.rmtree(service.folder.images(1))
    service.take(*series())
    assert (service.only().state, service.only().images) == (SeriesState.RECEIVING, 12)
    assert service.queue.files(1) == list(range(1, 13))


def changed(**values):
    image = series(count=1)[0]
    for keyword, value in values.items():
        setattr(image, keyword, value)
    return image


def without(keyword):
    image = series(count=1)[0]
    delattr(image, keyword)
    return image


@pytest.mark.parametrize(
    ("image", "status", "sentence"),
    [
        (changed(Modality="MR"), NO_CT, "it is not a CT image"),
        (changed(SOPClassUID=MRImageStorage), NO_CT, "it is not a CT image"),
        (changed(SOPClassUID=EnhancedCTImageStorage), NOT_UNDERSTOOD, "does not state its size"),
        (changed(SOPClassUID=EnhancedCTImageStorage, NumberOfFrames="-1"), NOT_UNDERSTOOD, "does not state its size"),
        (changed(SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=9), NOT_UNDERSTOOD, "its pixels end too early"),
        (without("SOPClassUID"), NOT_UNDERSTOOD, "it is damaged, or does not say"),
        (without("SeriesInstanceUID"), NOT_UNDERSTOOD, "its series UID is missing"),
        (changed(StudyInstanceUID=""), NOT_UNDERSTOOD, "its study UID is missing"),
        (changed(Rows=0), NOT_UNDERSTOOD, "does not state its size"),
        (without("Columns"), NOT_UNDERSTOOD, "does not state its size"),
        (changed(Rows=17), NOT_UNDERSTOOD, "its pixels end too early"),
        (without("PixelData"), NOT_UNDERSTOOD, "it has no pixels"),
    ],
)
def test_what_is_no_ct_image_is_refused(service, image, status, sentence):
    refused(service, image, status, sentence)
    assert service.queue.all() == []


@pytest.mark.parametrize("uid", ["1.02.3", "1..2", ".1", "1.2.", "1.2a", "a", "1." + "2" * 63, "../1", "1/2"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_uids_have_the_form_of_the_standard(service, uid):
    from pydicom import config

    with config.disable_value_validation():
        refused(service, changed(SeriesInstanceUID=uid), NOT_UNDERSTOOD, "its series UID is missing or not valid")


def test_an_image_that_was_cut_anywhere_is_refused(service):
    [image] = series(count=1)
    content = service.arriving(image).read_bytes()
    for length in [0, 1, 131, 132, 200, 400, 600, len(content) - 640, len(content) - 1]:
        file = service.folder.arriving / "image.dcm"
        file.write_bytes(content[:length])
        with pytest.raises(Refused):
            service.inbox.take(file, "SCANNER")
    assert service.queue.all() == []
    assert list(service.folder.arriving.iterdir()) == []


def test_a_compressed_image_is_taken_and_a_deflated_one_is_not(service):
    [image] = series(count=1)
    image.compress(RLELossless, generate_instance_uid=False)
    service.take(image)
    assert service.only().images == 1
    [other] = series("1.2.4", count=1)
    other.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    refused(service, other, NOT_UNDERSTOOD, "it is deflated")


def test_a_cut_compressed_image_is_refused(service):
    [image] = series(count=1)
    image.compress(RLELossless, generate_instance_uid=False)
    file = service.arriving(image)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Refused, match="damaged"):
        service.inbox.take(file, "SCANNER")


def test_a_series_is_of_one_study_and_an_image_of_one_series(service):
    service.take(series()[0])
    other_study, other_series = series()[1], series("1.2.4")[0]
    other_study.StudyInstanceUID = generate_uid()
    other_series.SOPInstanceUID = other_series.file_meta.MediaStorageSOPInstanceUID = "1.2.3.1"
    refused(service, other_study, NOT_UNDERSTOOD, "its series is already known as one of another study")
    refused(service, other_series, NOT_UNDERSTOOD, "it has the UID of an image in another series")


def test_an_image_larger_than_allowed_is_refused(tmp_path):
    service = PacsService(tmp_path, limits={"image_mb": 0.001})
    refused(service, series()[0], NOT_UNDERSTOOD, r"it is larger than \[limits\] image_mb allows")


def test_a_series_with_more_images_than_allowed_fails_and_stays_so(tmp_path):
    service = PacsService(tmp_path, limits={"series_images": 4})
    service.take(*series(count=4))
    for image in series(count=6)[4:]:
        refused(service, image, NOT_UNDERSTOOD, "its series has more images than")
    assert (service.only().state, service.only().images) == (SeriesState.FAILED, 4)
    assert service.only().why == "It has more images than [limits] series_images allows."
    with pytest.raises(UserError, match="are gone"):
        service.queue.retry(1)


def test_a_full_queue_refuses_new_series_for_now_alone(tmp_path):
    service = PacsService(tmp_path, limits={"waiting_series": 1})
    service.take(*series(count=2))
    refused(service, series("1.2.4")[0], OUT_OF_RESOURCES, "as many series are waiting")
    service.take(series(count=3)[2])
    service.queue.passed(1, "why")
    service.take(series("1.2.4")[0])
    assert service.queue.counts()[SeriesState.RECEIVING] == 1


def test_a_full_disk_refuses_images_for_now(service, monkeypatch, tmp_path):
    service = PacsService(tmp_path, limits={"free_gb": 2})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_900_000_000))
    refused(service, series()[0], OUT_OF_RESOURCES, "the disk has less room left")


def test_an_image_that_cannot_be_moved_leaves_nothing_in_the_queue(service):
    service.folder.series.rmdir()
    refused(service, series()[0], OUT_OF_RESOURCES, "it cannot be kept")
    assert service.queue.all() == []


def test_a_series_of_slices_is_as_the_reader_of_folders_wants_it(service):
    from LiverTumorSegLib.io import volumes

    service.take(*series())
    assert volumes.read_volume(service.folder.images(1)).voxels.shape == (12, *dicom_slices.SHAPE[1:])


@pytest.mark.parametrize("make", [enhanced, legacy])
def test_an_enhanced_ct_is_taken_and_kept_once(service, make):
    one = make(series())
    service.take(one, one)
    assert service.only().images == 1


def test_an_enhanced_ct_has_limits_of_its_own(tmp_path):
    one = enhanced(series())
    service = PacsService(tmp_path / "small", limits={"image_mb": 0.001})
    service.take(one)
    assert service.only().images == 1
    service = PacsService(tmp_path / "large", limits={"enhanced_mb": 0.001})
    refused(service, one, NOT_UNDERSTOOD, r"it is larger than \[limits\] enhanced_mb allows")
    service = PacsService(tmp_path / "many", limits={"series_images": 11})
    refused(service, one, NOT_UNDERSTOOD, r"more images than \[limits\] series_images allows")
    assert service.queue.all() == []
