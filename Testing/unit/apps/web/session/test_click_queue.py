import asyncio

import pytest

from LiverTumorSegLib.apps.panel.clicks import LesionClick
from LiverTumorSegLib.apps.panel.job_runner import PanelState

pytest.importorskip("slicer")

ONE, TWO, THREE = (LesionClick((float(n), 0.0, 0.0), inside=True) for n in range(3))


class Busy:
    """A panel that runs a job until it is told to end it."""

    state = PanelState.READY

    def attempt(self, start):
        self.state = PanelState.RUNNING
        start()


@pytest.fixture
def queue():
    """A function that makes a queue, and lists of what it asked for and what came to nothing."""
    from LiverTumorSegLib.apps.web.session.click_queue import ClickQueue

    panel, began, failed = Busy(), [], []
    made = ClickQueue(panel, began.append, failed.append)
    made.panel, made.began, made.failed = panel, began, failed
    return made


def asked(lesion, *clicks):
    from LiverTumorSegLib.apps.web.session.click_queue import Asked

    return Asked(lesion, clicks)


def lesion(*clicks):
    from LiverTumorSegLib.apps.web.session.clicked_lesions import ClickedInto

    return ClickedInto(clicks=clicks)


def end(queue, *, answered=True):
    """Let the job that runs end."""
    if answered:
        done = queue.asked
        queue.answered(done)
        done.lesion.clicks = done.clicks
    queue.panel.state = PanelState.DONE if answered else PanelState.FAILED


def run(queue, *steps):
    """Let the queue run, and do steps while it does."""

    async def both():
        task = asyncio.ensure_future(queue.run())
        for step in steps:
            await asyncio.sleep(0.05)
            step()
        await asyncio.wait_for(task, 5)

    asyncio.run(both())


def test_while_one_is_looked_at_the_newest_clicks_of_a_lesion_wait(queue):
    one = lesion()
    queue.add(asked(one, ONE))
    run(
        queue,
        lambda: [queue.add(asked(one, ONE, TWO)), queue.add(asked(one, ONE, TWO, THREE))],
        lambda: end(queue),
        lambda: end(queue),
    )
    assert [each.clicks for each in queue.began] == [(ONE,), (ONE, TWO, THREE)]


def test_clicks_into_another_lesion_do_not_take_the_place_of_those_that_wait(queue):
    one, other = lesion(), lesion()
    queue.add(asked(one, ONE))
    run(
        queue,
        lambda: [queue.add(asked(one, ONE, TWO)), queue.add(asked(other, THREE))],
        *[lambda: end(queue)] * 3,
    )
    assert [each.lesion for each in queue.began] == [one, one, other]


def test_of_clicks_that_wait_those_that_came_to_nothing_are_left_out(queue):
    one = lesion()
    queue.add(asked(one, ONE))
    run(
        queue,
        lambda: queue.add(asked(one, ONE, TWO)),
        lambda: end(queue, answered=False),
        lambda: end(queue),
    )
    assert [each.clicks for each in queue.began] == [(ONE,), (TWO,)]
    assert queue.failed == [asked(one, ONE)]


def test_the_click_that_was_made_last_is_taken_back_first(queue):
    one = lesion(ONE)
    queue.add(asked(one, ONE, TWO))
    run(
        queue,
        lambda: queue.add(asked(one, ONE, TWO, THREE)),
        lambda: [queue.take_back(), end(queue)],
    )
    assert [each.clicks for each in queue.began] == [(ONE, TWO)]
    assert one.clicks == (ONE, TWO)
    assert not queue.take_back()


def test_an_answer_to_a_click_that_was_taken_back_is_not_wanted(queue):
    one = lesion()
    queue.add(asked(one, ONE))

    def late():
        looked_at = queue.asked
        assert queue.take_back()
        assert not queue.answered(looked_at)
        queue.panel.state = PanelState.DONE

    run(queue, late)
    assert queue.is_empty
    assert queue.failed == []


def test_the_next_is_looked_at_when_the_click_that_is_asked_about_is_taken_back(queue):
    one, other = lesion(), lesion()
    queue.add(asked(one, ONE))
    run(
        queue,
        lambda: [queue.hold(), setattr(queue.panel, "state", PanelState.DONE), queue.take_back()],
        lambda: queue.add(asked(other, TWO)) or asyncio.ensure_future(queue.run()),
        lambda: end(queue),
    )
    assert [each.lesion for each in queue.began] == [one, other]


def test_the_newest_clicks_are_those_that_wait_longest(queue):
    one = lesion(ONE)
    assert queue.newest(one) == (ONE,)
    queue.add(asked(one, ONE, TWO))
    assert queue.newest(one) == (ONE, TWO)
    assert queue.newest(lesion()) == ()


def test_nothing_else_is_looked_at_while_the_user_is_asked(queue):
    one, other = lesion(), lesion()
    queue.add(asked(one, ONE))
    run(
        queue,
        lambda: [queue.add(asked(other, TWO)), queue.hold(), setattr(queue.panel, "state", PanelState.DONE)],
        lambda: [queue.began[1:] == [] or pytest.fail("it went on"), queue.release()],
        lambda: end(queue),
    )
    assert [each.lesion for each in queue.failed] == [one]
    assert [each.clicks for each in queue.began] == [(ONE,), (TWO,)]
