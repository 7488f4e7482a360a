import pytest
from support.web_session import built, choose, session, web_page  # noqa: F401


@pytest.fixture
def question(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.outside import OutsideSection

    return built(OutsideSection, session)


def asked(question, ml, done):
    from LiverTumorSegLib.apps.web.session.outside_liver import OutsidePart

    question.ask(OutsidePart(ml, 6, (80, 120)), lambda choice: done.append((ml, choice.value)))


def test_nothing_is_done_before_the_answer_and_one_stroke_is_asked_after_the_other(session, question):  # noqa: F811
    done = []
    asked(question, 7, done)
    asked(question, 3, done)
    assert (session.state.outside_asking, done) == (True, [])
    assert session.state.outside_said.startswith("7.0 ml")
    question._on_answer("within")
    assert done == [(7, "within")]
    assert session.state.outside_asking
    assert session.state.outside_said.startswith("3.0 ml")
    question._on_answer("add")
    assert done[1:] == [(3, "add")]
    assert not session.state.outside_asking


def test_what_is_put_away_is_taken_back(session, question):  # noqa: F811
    done = []
    asked(question, 7, done)
    choose(session, outside_asking=False)
    question._on_answer("add")
    assert done == [(7, "nothing")]


def test_undo_takes_back_what_is_asked_about(session, question):  # noqa: F811
    done = []
    assert not question.take_back()
    asked(question, 7, done)
    assert question.take_back()
    assert done == [(7, "nothing")]
    assert not session.state.outside_asking


def test_what_is_dropped_with_its_result_is_taken_back(session, question):  # noqa: F811
    done = []
    for ml in (7, 3):
        asked(question, ml, done)
    question.forget()
    assert done == [(7, "nothing"), (3, "nothing")]
    assert not session.state.outside_asking


@pytest.mark.parametrize("answer", ["within", "add"])
def test_an_answer_is_kept_for_the_session_and_can_be_changed(session, question, answer):  # noqa: F811
    done = []
    for ml in (7, 3):
        asked(question, ml, done)
    choose(session, outside_keep=True)
    question._on_answer(answer)
    asked(question, 2, done)
    assert done == [(7, answer), (3, answer), (2, answer)]
    assert session.state.outside_kept == answer
    assert not session.state.outside_asking
    choose(session, outside_kept="ask")
    asked(question, 1, done)
    assert session.state.outside_asking
    assert len(done) == 3


def test_taking_back_is_never_kept_and_what_no_page_of_ours_sends_does_nothing(session, question):  # noqa: F811
    done = []
    asked(question, 7, done)
    question._on_answer("all")
    choose(session, outside_keep=True)
    question._on_answer("nothing")
    assert done == [(7, "nothing")]
    assert (session.state.outside_kept, session.state.outside_keep) == ("ask", False)
