import threading
from datetime import timedelta

import pytest
from support.pacs_core_cases import NOON, Clock

from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.core.errors import UserError


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.sqlite"


@pytest.fixture
def queue(path, clock):
    opened = SeriesQueue(path, now=clock)
    yield opened
    opened.close()


def received(queue, uid="1.2", images=2):
    number = queue.create(uid, "1.1", "SCANNER")
    for file in range(1, images + 1):
        queue.arrived(f"{uid}.{file}", number, file, 30)
    return number


def waiting(queue, uid="1.2"):
    number = received(queue, uid)
    queue.waits(number)
    return number


def sending(queue, uid="1.2"):
    number = waiting(queue, uid)
    queue.begin()
    assert queue.made(number, ["a.dcm"])
    return number


def state(queue, number=1):
    return queue.find(number).state


def test_a_series_goes_through_all_states(queue, clock):
    number = received(queue)
    assert state(queue) is SeriesState.RECEIVING
    assert queue.quiet() == []
    clock.wait(30)
    assert [series.number for series in queue.quiet()] == [number]
    queue.waits(number)
    assert queue.quiet() == []
    assert queue.begin().number == number
    assert state(queue) is SeriesState.SEGMENTING
    assert queue.begin() is None
    assert queue.made(number, ["b.dcm", "a.dcm"])
    assert queue.objects(number) == ["b.dcm", "a.dcm"]
    assert queue.next_to_send().number == number
    queue.sent(number)
    assert state(queue) is SeriesState.DONE
    assert queue.next_to_send() is None
    assert queue.files(number) == [None, None]


def test_every_image_puts_off_the_end_of_a_series(queue, clock):
    number = received(queue, images=1)
    clock.wait(29)
    queue.arrived("1.2.2", number, 2, 30)
    clock.wait(29)
    assert queue.quiet() == []
    clock.wait(1)
    assert len(queue.quiet()) == 1


def test_a_watched_series_waits_for_the_word_that_it_is_whole(queue, clock):
    number = queue.create("1.2", "1.1", "archive")
    queue.arrived("1.2.1", number, 1, None)
    clock.wait(1e6)
    assert queue.quiet() == []
    queue.whole("1.2")
    assert len(queue.quiet()) == 1


def test_the_time_of_a_job_is_fixed_when_it_is_created(queue, clock):
    number = received(queue)
    clock.wait(1000.5)
    queue.waits(number)
    assert queue.find(number).made == NOON
    assert queue.find(number).since == NOON + timedelta(seconds=1000.5)


def test_the_time_of_a_shared_job_is_fixed_elsewhere(queue, clock):
    earlier = NOON - timedelta(days=1)
    queue.expect("1.2", "1.1", "archive", earlier)
    queue.expect("1.2", "1.1", "archive", NOON)
    assert queue.of("1.2").made == earlier
    assert queue.of("1.2").images == 0


def test_an_image_that_comes_during_segmenting_begins_it_again(queue):
    number = waiting(queue)
    queue.begin()
    queue.arrived("1.2.3", number, 3, 30)
    assert state(queue) is SeriesState.RECEIVING
    assert not queue.is_wanted(number)
    assert not queue.made(number, ["a.dcm"])
    assert queue.objects(number) == []
    assert state(queue) is SeriesState.RECEIVING


def test_late_images_are_counted_once_and_said(queue):
    number = sending(queue)
    for uid in ("1.2.8", "1.2.9", "1.2.9"):
        queue.came_late(uid, number)
    assert queue.find(number).late == 2
    assert queue.find(number).images == 2
    assert queue.find(number).sentence == "2 images came after it was segmented and are not in the result."


def test_a_try_that_fails_waits_and_is_counted(queue, clock):
    number = waiting(queue)
    queue.begin()
    queue.segment_again(number, "It died.", timedelta(seconds=60))
    assert queue.begin() is None
    assert queue.find(number).why == "It died."
    clock.wait(60)
    assert queue.begin().tries == 1


def test_an_archive_that_is_down_is_down_for_all(queue, clock):
    first, second = sending(queue, "1.2"), sending(queue, "1.3")
    began = queue.find(first).since
    clock.wait(5)
    queue.send_again(first, "It does not answer.", timedelta(seconds=60))
    assert queue.next_to_send() is None
    clock.wait(60)
    assert queue.next_to_send().number == second, "that which was tried least"
    assert queue.find(first).since == began
    assert (queue.find(first).tries, queue.find(second).tries) == (1, 0)


def test_a_new_series_asks_the_archive_at_once(queue):
    queue.send_again(sending(queue, "1.2"), "It does not answer.", timedelta(seconds=60))
    later = sending(queue, "1.3")
    assert queue.next_to_send().number == later


def test_a_series_that_is_passed_by_keeps_its_reason_and_its_images_uids(queue):
    number = received(queue)
    queue.passed(number, "It is a localiser.")
    assert (state(queue), queue.find(number).why) == (SeriesState.PASSED, "It is a localiser.")
    assert queue.image("1.2.1").file is None


def test_an_image_that_comes_as_a_series_is_judged_keeps_it_from_being_passed_by(queue):
    number = waiting(queue)
    queue.passed(number, "late")
    assert state(queue) is SeriesState.WAITING


def test_what_is_put_back_counts_no_try_and_what_was_received_gets_its_time(queue, clock):
    waiting(queue, "1.2")
    queue.begin()
    received(queue, "1.3")
    watched = queue.create("1.4", "1.1", "archive")
    queue.arrived("1.4.1", watched, 1, None)
    clock.wait(1000)
    queue.put_back(1)
    queue.put_back(2)  # it is not being segmented
    queue.wait_anew(30)
    assert (state(queue), queue.find(1).tries) == (SeriesState.WAITING, 0)
    assert queue.quiet() == []
    clock.wait(30)
    assert [series.series for series in queue.quiet()] == ["1.3"]


def test_a_failure_that_comes_after_new_images_is_no_failure_of_theirs(queue):
    number = waiting(queue)
    queue.begin()
    queue.arrived("1.2.3", number, 3, 30)
    queue.failed(number, "of the images before", SeriesState.SEGMENTING)
    assert state(queue) is SeriesState.RECEIVING


def test_failed_series_go_back_to_where_they_failed(queue):
    second, first = sending(queue, "1.3"), waiting(queue, "1.2")
    for number in (first, second):
        queue.failed(number, "why")
        queue.retry(number)
    assert (state(queue, first), state(queue, second)) == (SeriesState.WAITING, SeriesState.SENDING)
    assert queue.find(first).why == ""


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(7, "There is no job 7"), (1, "Job 1 has not failed"), (2, "The images of job 2 are gone")],
)
def test_what_cannot_be_tried_again_is_refused(queue, number, sentence):
    waiting(queue, "1.2")
    gone = waiting(queue, "1.3")
    queue.failed(gone, "why")
    queue.forget_files(gone)
    with pytest.raises(UserError, match=sentence):
        queue.retry(number)


def test_lost_files_have_their_series_judged_or_segmented_again(queue):
    second, third, first = sending(queue, "1.3"), sending(queue, "1.4"), waiting(queue, "1.2")
    queue.failed(third, "why")
    queue.lost(first, 2)
    queue.lost_objects(second)
    queue.lost_objects(third)
    assert (state(queue, first), queue.files(first)) == (SeriesState.RECEIVING, [None, 1])
    assert (state(queue, second), queue.objects(second)) == (SeriesState.WAITING, [])
    assert state(queue, third) is SeriesState.FAILED


def test_the_newest_come_first_and_by_state(queue):
    numbers = [waiting(queue, f"1.{n}") for n in range(2, 6)]
    queue.failed(numbers[1], "why")
    assert [series.number for series in queue.all(2)] == [4, 3]
    assert [series.number for series in queue.all(before=3)] == [2, 1]
    assert [series.number for series in queue.all(state=SeriesState.FAILED)] == [2]
    assert queue.counts()[SeriesState.WAITING] == 3


def test_a_series_that_no_image_was_asked_of_is_remembered(queue):
    queue.pass_by("1.2", "1.1", "archive", "It has fewer images.")
    queue.pass_by("1.2", "1.1", "archive", "Another reason.")
    assert (queue.of("1.2").state, queue.of("1.2").why) == (SeriesState.PASSED, "It has fewer images.")


def test_many_threads_and_another_connection_may_use_it_at_once(queue, path):
    number = queue.create("1.2", "1.1", "SCANNER")
    other = SeriesQueue(path)

    def arrive(thread):
        for image in range(20):
            used = other if image % 4 == 0 else queue
            with used.transaction():
                used.arrived(f"1.2.{thread}.{image}", number, used.next_file(number), 30)

    threads = [threading.Thread(target=arrive, args=[thread]) for thread in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert queue.files(number) == list(range(1, 101))
    other.close()


def test_all_is_there_when_the_file_is_opened_again(queue, path):
    sending(queue)
    again = SeriesQueue(path, create=False)
    assert again.all() == queue.all()
    assert again.objects(1) == ["a.dcm"]
    again.close()
