import asyncio
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from support.web_session import LABELS, built, segmented, session, web_page, with_ct  # noqa: F401


@pytest.fixture
def downloads(with_ct, monkeypatch):  # noqa: F811
    """The section, and the names that the browser was told to fetch."""
    from LiverTumorSegLib.apps.web.session.sections.results import DownloadSection

    section, fetched = built(DownloadSection, with_ct), []
    monkeypatch.setattr(section, "_fetch", SimpleNamespace(exec=fetched.append))
    return section, fetched


def write(section, how):
    asyncio.get_event_loop().run_until_complete(section._written(how))


def test_the_browser_fetches_what_lies_in_the_folder_for_it(with_ct, downloads):  # noqa: F811
    from LiverTumorSegLib.apps.web.session import exports

    section, fetched = downloads
    segmented(with_ct)
    write(section, lambda nodes, folder: exports.labels(nodes, folder, ".nii.gz"))
    (name,) = fetched
    labels = nibabel.load(with_ct.folder / "downloads" / name).get_fdata()
    assert np.array_equal(labels.transpose(2, 1, 0), LABELS)
    assert not with_ct.state.writing


def test_what_cannot_be_written_is_said_and_nothing_is_fetched(with_ct, downloads):  # noqa: F811
    from LiverTumorSegLib.apps.web.session import exports

    section, fetched = downloads
    nodes = segmented(with_ct)
    nodes.segmentation.GetSegmentation().RemoveAllSegments()
    write(section, exports.surfaces)
    assert fetched == []
    assert with_ct.panel.error
    assert not with_ct.state.writing


def test_a_report_that_has_no_place_is_said(with_ct, downloads, monkeypatch, tmp_path):  # noqa: F811
    section, fetched = downloads
    segmented(with_ct)
    monkeypatch.setattr(with_ct, "folder", tmp_path / "gone")
    section._report()
    assert "No such file" in with_ct.panel.error
    assert fetched == []


def test_without_a_result_there_is_nothing_to_write(with_ct, downloads):  # noqa: F811
    section, fetched = downloads
    write(section, lambda *_: pytest.fail("nothing is there"))
    section._report()
    assert fetched == []
