import pytest
from support.web_session import built, choose, session, web_page  # noqa: F401

from LiverTumorSegLib.core.volume import Volume


@pytest.fixture
def setup(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.archive_in import ArchiveSection
    from LiverTumorSegLib.apps.web.session.sections.input import SourceSection
    from LiverTumorSegLib.apps.web.session.sections.models import SettingsSection
    from LiverTumorSegLib.apps.web.session.sections.setup import SetupSection

    source = SourceSection(session)
    built(lambda each: SetupSection(each, source, ArchiveSection(each, source), SettingsSection(each)), session)
    return source


def test_a_ct_that_is_opened_folds_what_was_chosen_into_a_line(session, setup, ct):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.input import OpenedCT

    assert session.state.setup_open
    setup._take(OpenedCT(Volume(ct.voxels, ct.affine), "portal venous", "2026-03-14"))
    assert not session.state.setup_open
    assert session.state.ct_name == session.volume.GetName() == "portal venous"
    assert session.ct_date == "2026-03-14"
    assert session.state.setup_said.startswith(session.choices.model)


def test_the_line_names_the_model_that_is_chosen(session, setup):  # noqa: F811
    facts = {"segments": "the liver", "patients": 3, "data": "lits", "accuracy": "", "licence": "MIT", "terms": "free"}
    session.panel.models = [facts | {"name": name, "title": f"Model {name}", "bytes": 1e6} for name in ("a", "b")]
    session.tell()
    for name in ("a", "b"):
        choose(session, model=name)
        assert session.choices.model == name
        assert session.state.setup_said.startswith(f"Model {name} · ")
