import pytest
from support.mrml_cases import GEOMETRIES, make_volume
from support.web_session import built, session, web_page, with_ct  # noqa: F401


@pytest.fixture
def window(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.display import WindowSection

    return built(WindowSection, session)


def give_ct(session):  # noqa: F811
    session.volume = make_volume(GEOMETRIES["plain"])
    session.views.show(session.volume)
    session.tell()


def test_without_a_ct_nothing_is_said(session, window):  # noqa: F811
    assert session.state.window_said == ""
    window._on_preset("lung")


def test_the_window_is_said_and_followed(session, window):  # noqa: F811
    give_ct(session)
    assert session.state.window_said == "200 / 80 HU"
    session.volume.GetDisplayNode().SetWindowLevel(210.4, -12.3)
    assert session.state.window_said == "210 / -12 HU"


def test_a_preset_is_set(session, window):  # noqa: F811
    give_ct(session)
    window._on_preset("lung")
    assert session.volume.GetDisplayNode().GetWindow() == 1500
    assert session.state.window_said == "1500 / -600 HU"


def test_a_preset_that_is_not_there_changes_nothing(session, window):  # noqa: F811
    give_ct(session)
    window._on_preset("__class__")
    assert session.state.window_said == "200 / 80 HU"


def test_another_ct_is_followed_instead(session, window):  # noqa: F811
    give_ct(session)
    first = session.volume.GetDisplayNode()
    session.clear()
    session.tell()
    assert session.state.window_said == ""
    give_ct(session)
    first.SetWindowLevel(1, 1)
    assert session.state.window_said == "200 / 80 HU"


def test_no_state_hides_the_browsers_own_window(session, window):  # noqa: F811
    assert not session.state.has("window")
