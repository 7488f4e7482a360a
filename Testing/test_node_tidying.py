import shutil

import pytest
from node_core_cases import Node, series

from LiverTumorSegLib.node.queue import State
from LiverTumorSegLib.node.tidying import Tidying

DAY = 24 * 3600


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path, limits={"keep_days": 2})


@pytest.fixture
def tidying(node):
    return Tidying(node.config, node.queue)


def whole(node, uid="1.2.3"):
    node.take(*series(uid))
    number = node.queue.of(uid).number
    node.queue.waits(number)
    return number


def made(node, uid="1.2.3"):
    number = whole(node, uid)
    node.queue.begin()
    node.folder.result(number).mkdir()
    (node.folder.result(number) / "a.dcm").write_bytes(b"a")
    node.queue.made(number, ["a.dcm"])
    return number


def has(node, number=1):
    return node.folder.images(number).is_dir(), node.folder.result(number).is_dir()


def test_nothing_that_is_needed_is_deleted(node, tidying):
    whole(node, "1.2.4")
    node.queue.failed(1, "why")
    made(node)
    whole(node, "1.2.5")
    node.clock.wait(1.9 * DAY)
    tidying.step()
    assert [has(node, number) for number in (1, 2, 3)] == [(True, False), (True, True), (True, False)]
    assert len(list(node.folder.images(3).iterdir())) == 12


def test_images_go_when_their_series_is_done_and_results_later(node, tidying):
    made(node)
    node.queue.sent(1)
    tidying.step()
    assert has(node) == (False, True)
    node.clock.wait(2 * DAY + 1)
    tidying.step()
    assert has(node) == (False, False)
    assert (node.only().state, node.only().images) == (State.DONE, 12)


def test_images_of_a_series_that_is_passed_by_go(node, tidying):
    node.take(*series())
    node.queue.passed(1, "why")
    tidying.step()
    assert has(node) == (False, False)


def test_a_series_that_failed_is_kept_for_some_days(node, tidying):
    made(node)
    node.queue.failed(1, "why")
    node.clock.wait(2 * DAY)
    tidying.step()
    assert has(node) == (True, True)
    node.clock.wait(1)
    tidying.step()
    assert has(node) == (False, False)
    node.take(*series())
    assert (node.only().state, len(list(node.folder.images(1).iterdir()))) == (State.RECEIVING, 12)


def test_files_that_no_row_knows_are_deleted_at_the_start(node, tidying):
    whole(node)
    for stray in (node.folder.arriving / "x", node.folder.images(1) / "13.dcm", node.folder.images(1) / "x"):
        stray.write_bytes(b"half")
    for stray in (
        node.folder.making / "1-ab",
        node.folder.result(1),
        node.folder.images(9),
        node.folder.images(1) / "y",
    ):
        stray.mkdir()
    (node.folder.result(1) / "segmentation.dcm").write_bytes(b"half")
    tidying.repair()
    tidying.step()
    assert [path.name for path in node.folder.arriving.iterdir()] == []
    assert [path.name for path in node.folder.making.iterdir()] == []
    assert [path.name for path in node.folder.results.iterdir()] == []
    assert [path.name for path in node.folder.series.iterdir()] == ["1"]
    assert len(list(node.folder.images(1).iterdir())) == 12
    assert node.only().state is State.WAITING


def test_what_was_segmented_at_the_end_waits_at_the_start(node, tidying):
    whole(node)
    node.queue.begin()
    tidying.repair()
    assert node.only().state is State.WAITING


@pytest.mark.parametrize("state", [State.RECEIVING, State.WAITING, State.SEGMENTING])
def test_an_image_that_is_gone_is_not_segmented_without(node, tidying, state, caplog):
    node.take(*series())
    if state is not State.RECEIVING:
        node.queue.waits(1)
    if state is State.SEGMENTING:
        node.queue.begin()
    node.folder.image(1, 7).unlink()
    tidying.repair()
    assert node.only().state is State.RECEIVING
    assert None in node.queue.files(1)
    assert "job 1: one of its images is gone" in caplog.text


def test_a_result_that_is_gone_is_made_again(node, tidying):
    made(node)
    shutil.rmtree(node.folder.result(1))
    tidying.repair()
    assert node.only().state is State.WAITING
    assert node.queue.objects(1) == []


def test_a_start_after_a_good_end_changes_nothing(node, tidying):
    made(node)
    whole(node, "1.2.4")
    before = node.queue.all(), sorted(node.folder.path.rglob("*"))
    tidying.repair()
    assert (node.queue.all(), sorted(node.folder.path.rglob("*"))) == before


def test_a_series_that_never_becomes_whole_does_not_wait_for_ever(node, tidying):
    node.take(*series(), asked="1.2.3")
    node.clock.wait(2 * DAY)
    tidying.step()
    assert node.only().state is State.RECEIVING
    node.clock.wait(1)
    tidying.step()
    assert (node.only().state, has(node)) == (State.FAILED, (True, False))
    node.clock.wait(2 * DAY + 1)
    tidying.step()
    assert has(node) == (False, False)
