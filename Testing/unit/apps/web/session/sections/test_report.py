from types import SimpleNamespace

import pytest
from support.web_session import built, choose, segmented, session, web_page, with_ct  # noqa: F401

from LiverTumorSegLib.reporting.ct_identity import CTIdentity


@pytest.fixture
def report(with_ct, monkeypatch):  # noqa: F811
    """The section, the names that the browser was told to show, and the identities that reports were made with."""
    from LiverTumorSegLib.apps.web.session.sections.report import ReportSection

    def make(result, folder, done, *, identity, **_chosen):
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("<p>a report", encoding="utf-8")
        told.append(identity)
        with_ct.panel.measure(result, result.labels, lambda new: done(new, [str(folder / "report.html")]))

    section, shown, told = built(ReportSection, with_ct), [], []
    monkeypatch.setattr(with_ct.panel, "report", make, raising=False)
    monkeypatch.setattr(section, "_preview", SimpleNamespace(exec=shown.append))
    segmented(with_ct)
    return section, shown, told


def test_the_preview_shows_the_report_as_it_is_now_and_leaves_no_other_file(with_ct, report):  # noqa: F811
    section, shown, told = report
    section._on_preview()
    assert with_ct.panel.error == ""
    (name,) = shown
    assert (with_ct.folder / "downloads" / name).read_text(encoding="utf-8") == "<p>a report"
    assert list(with_ct.folder.glob("report-*")) == []
    assert with_ct.state.preview_open
    assert told == [None]


def test_the_report_names_the_ct_once_the_user_allows_it(with_ct, report):  # noqa: F811
    section, _shown, told = report
    with_ct.ct_date = "2026-03-14"
    choose(with_ct, name_ct=True)
    section._on_preview()
    choose(with_ct, name_ct=False)
    section._on_preview()
    assert told == [CTIdentity(with_ct.volume.GetName(), "2026-03-14"), None]


def test_where_no_report_can_be_made_the_preview_closes(with_ct, report):  # noqa: F811
    _section, shown, _told = report
    with_ct.state.preview_open = True
    with_ct.panel.error = "The disk is full: make room."
    with_ct.tell()
    assert not with_ct.state.preview_open
    assert shown == []
