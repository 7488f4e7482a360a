import shutil
from types import SimpleNamespace

import pytest
from node_core_cases import Node, series
from odd_dicom import slices
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.node.inbox import Refused
from LiverTumorSegLib.node.queue import State

OUT_OF_RESOURCES, NO_CT, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def refused(node, image, status, sentence, **options):
    with pytest.raises(Refused, match=sentence) as told:
        node.inbox.take(node.arriving(image, **options), "SCANNER")
    assert told.value.status == status
    assert list(node.folder.arriving.iterdir()) == []


def segmented(node, state=State.SENDING):
    node.take(*series())
    node.queue.waits(1)
    node.queue.begin()
    node.queue.made(1, ["a.dcm"])
    if state is State.DONE:
        node.queue.sent(1)
    elif state is State.FAILED:
        node.queue.failed(1, "why")


def test_images_of_two_series_lie_in_a_folder_each(node):
    first, second = series("1.2.3", 3), series("1.2.4", 2)
    node.take(first[0], second[0], *first[1:], second[1])
    assert [(one.number, one.images, one.series) for one in node.queue.all()] == [(2, 2, "1.2.4"), (1, 3, "1.2.3")]
    assert sorted(path.name for path in node.folder.images(1).iterdir()) == ["1.dcm", "2.dcm", "3.dcm"]
    assert list(node.folder.arriving.iterdir()) == []


def test_an_image_is_kept_as_it_came(node):
    [image] = series(count=1)
    before = node.arriving(image).read_bytes()
    node.inbox.take(node.folder.arriving / "image.dcm", "SCANNER")
    assert node.folder.image(1, 1).read_bytes() == before
    assert node.only().sender == "SCANNER"


def test_of_an_image_that_comes_twice_the_first_is_kept(node):
    first, other = series(count=2)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = first.SOPInstanceUID
    node.take(first)
    before = node.folder.image(1, 1).read_bytes()
    node.take(other)
    assert node.folder.image(1, 1).read_bytes() == before
    assert node.only().images == 1


def test_a_watched_series_does_not_end_by_itself(node):
    node.take(*series(), asked="1.2.3")
    node.clock.wait(1e6)
    assert node.queue.quiet() == []
    node.inbox.whole("1.2.3")
    assert len(node.queue.quiet()) == 1


def test_an_archive_that_gives_an_image_of_another_series_than_was_asked_for_is_not_heard(node):
    with pytest.raises(Refused, match="of another series than was asked for"):
        node.take(*series(), asked="1.2.4")
    assert node.queue.all() == []
    assert list(node.folder.arriving.iterdir()) == []


def test_files_of_a_series_that_was_passed_by_are_not_among_those_that_come_again(node):
    """The queue forgets them at once, and they are deleted some time later."""
    node.take(*series())
    node.queue.passed(1, "why")
    node.take(series(count=13)[-1])
    assert [path.name for path in node.folder.images(1).iterdir()] == ["1.dcm"]


def test_it_is_known_how_many_images_of_a_series_came(node):
    assert node.inbox.knows("1.2.3") is None
    segmented(node)
    assert node.inbox.knows("1.2.3") == 12
    refused(node, series(count=13)[-1], NOT_UNDERSTOOD, "after its series was segmented")
    assert node.inbox.knows("1.2.3") == 13


@pytest.mark.parametrize("state", [State.SENDING, State.DONE, State.FAILED])
def test_images_that_come_after_the_result_are_refused_for_good_and_noted(node, state):
    segmented(node, state)
    refused(node, series(count=13)[-1], NOT_UNDERSTOOD, "it came after its series was segmented")
    node.take(series()[0])
    assert node.only().state is state
    assert node.only().sentence.endswith("1 image came after it was segmented and is not in the result.")


def test_an_image_that_comes_during_segmenting_joins(node):
    node.take(*series())
    node.queue.waits(1)
    node.queue.begin()
    node.take(series(count=13)[-1])
    assert (node.only().state, node.only().images) == (State.RECEIVING, 13)


def test_a_series_that_was_passed_by_is_judged_again_when_it_comes_again(node):
    node.take(*series())
    node.queue.passed(1, "why")
    shutil.rmtree(node.folder.images(1))
    node.take(*series())
    assert (node.only().state, node.only().images) == (State.RECEIVING, 12)
    assert node.queue.files(1) == list(range(1, 13))


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
        (changed(Modality="MR"), NO_CT, "it is not of CT"),
        (changed(SOPClassUID=MRImageStorage), NO_CT, "it is not of CT"),
        (changed(SOPClassUID=EnhancedCTImageStorage), NO_CT, "enhanced CT"),
        (without("SOPClassUID"), NOT_UNDERSTOOD, "it is damaged, or does not say"),
        (without("SeriesInstanceUID"), NOT_UNDERSTOOD, "its series UID is missing"),
        (changed(StudyInstanceUID=""), NOT_UNDERSTOOD, "its study UID is missing"),
        (changed(Rows=0), NOT_UNDERSTOOD, "does not state its size"),
        (without("Columns"), NOT_UNDERSTOOD, "does not state its size"),
        (changed(Rows=17), NOT_UNDERSTOOD, "its pixels end too early"),
        (without("PixelData"), NOT_UNDERSTOOD, "it has no pixels"),
    ],
)
def test_what_is_no_plain_ct_image_is_refused(node, image, status, sentence):
    refused(node, image, status, sentence)
    assert node.queue.all() == []


@pytest.mark.parametrize("uid", ["1.02.3", "1..2", ".1", "1.2.", "1.2a", "a", "1." + "2" * 63, "../1", "1/2"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_uids_have_the_form_of_the_standard(node, uid):
    from pydicom import config

    with config.disable_value_validation():
        refused(node, changed(SeriesInstanceUID=uid), NOT_UNDERSTOOD, "its series UID is missing or no UID")


def test_an_image_that_was_cut_anywhere_is_refused(node):
    [image] = series(count=1)
    content = node.arriving(image).read_bytes()
    for length in [0, 1, 131, 132, 200, 400, 600, len(content) - 640, len(content) - 1]:
        file = node.folder.arriving / "image.dcm"
        file.write_bytes(content[:length])
        with pytest.raises(Refused):
            node.inbox.take(file, "SCANNER")
    assert node.queue.all() == []
    assert list(node.folder.arriving.iterdir()) == []


def test_a_compressed_image_is_taken_and_a_deflated_one_is_not(node):
    [image] = series(count=1)
    image.compress(RLELossless, generate_instance_uid=False)
    node.take(image)
    assert node.only().images == 1
    [other] = series("1.2.4", count=1)
    other.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    refused(node, other, NOT_UNDERSTOOD, "it is deflated")


def test_a_cut_compressed_image_is_refused(node):
    [image] = series(count=1)
    image.compress(RLELossless, generate_instance_uid=False)
    file = node.arriving(image)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Refused, match="damaged"):
        node.inbox.take(file, "SCANNER")


def test_a_series_is_of_one_study_and_an_image_of_one_series(node):
    node.take(series()[0])
    other_study, other_series = series()[1], series("1.2.4")[0]
    other_study.StudyInstanceUID = generate_uid()
    other_series.SOPInstanceUID = other_series.file_meta.MediaStorageSOPInstanceUID = "1.2.3.1"
    refused(node, other_study, NOT_UNDERSTOOD, "its series is known, and of another study")
    refused(node, other_series, NOT_UNDERSTOOD, "it has the UID of an image in another series")


def test_an_image_larger_than_allowed_is_refused(tmp_path):
    node = Node(tmp_path, limits={"image_mb": 0.001})
    refused(node, series()[0], NOT_UNDERSTOOD, r"it is larger than \[limits\] image_mb allows")


def test_a_series_with_more_images_than_allowed_fails_and_stays_so(tmp_path):
    node = Node(tmp_path, limits={"series_images": 4})
    node.take(*series(count=4))
    for image in series(count=6)[4:]:
        refused(node, image, NOT_UNDERSTOOD, "its series has more images than")
    assert (node.only().state, node.only().images) == (State.FAILED, 4)
    assert node.only().why == "It has more images than [limits] series_images allows."
    with pytest.raises(UserError, match="are gone"):
        node.queue.retry(1)


def test_a_full_queue_refuses_new_series_for_now_alone(tmp_path):
    node = Node(tmp_path, limits={"waiting_series": 1})
    node.take(*series(count=2))
    refused(node, series("1.2.4")[0], OUT_OF_RESOURCES, "as many series wait")
    node.take(series(count=3)[2])
    node.queue.passed(1, "why")
    node.take(series("1.2.4")[0])
    assert node.queue.counts()[State.RECEIVING] == 1


def test_a_full_disk_refuses_images_for_now(node, monkeypatch, tmp_path):
    node = Node(tmp_path, limits={"free_gb": 2})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_900_000_000))
    refused(node, series()[0], OUT_OF_RESOURCES, "the disk has less room left")


def test_an_image_that_cannot_be_moved_leaves_nothing_in_the_queue(node):
    node.folder.series.rmdir()
    refused(node, series()[0], OUT_OF_RESOURCES, "it cannot be kept")
    assert node.queue.all() == []


def test_a_series_of_slices_is_as_the_reader_of_folders_wants_it(node):
    from LiverTumorSegLib import files

    node.take(*series())
    assert files.read_volume(node.folder.images(1)).voxels.shape == (12, *slices.SHAPE[1:])
