import shutil
from pathlib import Path

import numpy as np
import pytest
from support import dicom_slices
from support.web_session import ReadyPanel, built, segmented, session, web_page  # noqa: F401

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes


@pytest.fixture
def asked(session, monkeypatch):  # noqa: F811
    """What the worker is asked for, which writes files of no content at once, and names its reports 1, 2 and so on."""
    questions = []

    def begin(command, finish, _files, **chosen):
        questions.append(chosen)
        files = [Path(chosen["folder"], name) for name in ("segmentation.dcm", "measurements.dcm")]
        for file in files:
            file.write_bytes(b"DICM")
        finish({"files": [str(file) for file in files], "report": {"instance": str(len(questions))}}, None)

    monkeypatch.setattr(session.panel, "begin", begin)
    return questions


@pytest.fixture
def with_series(session, tmp_path):  # noqa: F811
    """The session with a result of a CT that came as DICOM."""
    import slicer

    images = dicom_slices.write(dicom_slices.plain(), tmp_path / "series")
    volume = volumes.read_volume(tmp_path / "series", force=True)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[1:5, 3:14, 2:18], labels[2:4, 8:11, 5:9] = 1, 2
    session.panel.labels = labels
    session.volume = slicer.util.addVolumeFromArray(volume.voxels, slicer.util.vtkMatrixFromArray(volume.affine), "CT")
    session.images = tuple(images)
    segmented(session)
    return session


def paint(session):  # noqa: F811
    import slicer

    nodes, name = session.nodes, next(name for name, kind in session.nodes.segments.items() if kind == 2)
    held = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume).copy()
    held[tuple(np.argwhere(held == 0)[0])] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, nodes.segmentation, name, nodes.volume)


def made(session):  # noqa: F811
    got = []
    session.make_objects(got.append)
    return got[0]


def test_what_a_model_found_has_repeatable_objects_and_what_was_corrected_follows_the_report_before(with_series, asked):
    first = made(with_series)
    paint(with_series)
    second = made(with_series)
    assert [(one["corrected"], one["repeatable"], one["predecessor"]) for one in asked] == [
        (False, True, None),
        (True, False, {"instance": "1"}),
    ]
    assert not first.folder.exists()
    assert second.folder.parent == with_series.folder / "objects"


def test_a_result_that_has_not_changed_has_the_same_objects(with_series, asked):
    assert made(with_series) is made(with_series)
    assert len(asked) == 1


def test_a_new_segmentation_follows_no_report(with_series, asked):
    made(with_series)
    segmented(with_series)
    made(with_series)
    assert asked[-1]["predecessor"] is None


def test_a_corrected_result_of_an_archive_follows_its_report_there(with_series, asked):
    objects, nodes = with_series.objects, with_series.nodes
    objects.opened(nodes, {"instance": "theirs"}, corrected=False)
    with pytest.raises(UserError, match="Nothing was corrected since this result was opened"):
        made(with_series)
    paint(with_series)
    made(with_series)
    assert (asked[-1]["corrected"], asked[-1]["predecessor"]) == (True, {"instance": "theirs"})


def test_a_ct_that_is_no_dicom_says_so(with_series):
    with_series.images = ()
    with pytest.raises(UserError, match="did not come as DICOM"):
        made(with_series)


def test_the_objects_are_downloaded_in_a_zip_file(with_series, asked, monkeypatch, tmp_path):
    from types import SimpleNamespace

    from LiverTumorSegLib.apps.web.session.sections.results import DownloadSection

    section, fetched = built(DownloadSection, with_series), []
    monkeypatch.setattr(section, "_fetch", SimpleNamespace(exec=fetched.append))
    assert with_series.state.from_dicom
    section._dicom()
    (name,) = fetched
    assert name.endswith(" DICOM.zip")
    shutil.unpack_archive(with_series.downloads / name, tmp_path / "unpacked")
    assert sorted(file.name for file in (tmp_path / "unpacked").iterdir()) == ["measurements.dcm", "segmentation.dcm"]
