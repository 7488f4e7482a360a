import weakref
from functools import partial

import numpy as np
import pytest
from support.web_session import built, choose, session, web_page  # noqa: F401


@pytest.fixture
def question(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.run import QuestionSection

    return built(QuestionSection, session)


def test_nothing_is_done_before_the_answer(session, question):  # noqa: F811
    done = []
    question.ask("Open the CT", "Your corrections will be lost.", lambda: done.append(1))
    state = session.state
    assert (state.asking, state.question, state.answer) == (True, "Open the CT?", "Open the CT")
    assert state.loss == "Your corrections will be lost."
    assert done == []
    question._on_yes()
    assert (done, state.asking) == ([1], False)


def test_an_answer_counts_once_and_a_no_does_nothing(session, question):  # noqa: F811
    done = []
    question.ask("Open the CT", "Your corrections will be lost.", lambda: done.append("first"))
    choose(session, asking=False)
    question.ask("Segment again", "Your corrections will be replaced.", lambda: done.append("second"))
    question._on_yes()
    question._on_yes()
    assert done == ["second"]


def test_what_is_not_done_is_not_kept(session, question):  # noqa: F811
    ct = np.zeros(3)
    gone = weakref.ref(ct)
    with session.state:
        question.ask("Open the CT", "Your corrections will be lost.", partial(id, ct))
    del ct
    assert gone() is not None
    choose(session, asking=False)
    assert gone() is None


def test_what_goes_wrong_after_the_answer_is_said(session, question):  # noqa: F811
    question.ask("Open the CT", "Your corrections will be lost.", lambda: 1 / 0)
    question._on_yes()
    assert "division by zero" in session.panel.error


def test_without_a_page_nobody_is_asked(session):  # noqa: F811
    done = []
    session.ask("Open the CT", "Your corrections will be lost.", lambda: done.append(1))
    assert done == [1]
