"""A session of the page beside a real archive: server, worker and session in this process, without a browser."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from LiverTumorSegLib.apps.pacs.archive_list import ListedArchive
from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.apps.web.server.archives import SessionArchives
from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.io import volumes
from support import dicom_slices
from support.web_session import built
from support.worker_here import WorkerHere

NAME = "Research"


def listed(archive, **changes):
    """The list with this archive."""
    peer = {"ae_title": "ORTHANC", "address": "127.0.0.1", "port": archive.dicom}
    ends = {"search": {"web": {"url": archive.web}}, "send": {"dicom": peer}} | changes
    return ListedArchive.model_validate({"name": NAME} | ends)


def stored_result(archive, folder):
    """Store a CT series and a result of it, as of a process beside the archive; returns its labels and its report."""
    slices = dicom_slices.plain()
    for one in slices:
        one.StudyDate, one.AccessionNumber = "20260131", "X1"
    files = dicom_slices.write(slices, folder / "series")
    volume = volumes.read_volume(folder / "series", force=True)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[1:5, 3:14, 2:18], labels[2:4, 8:11, 5:9] = 1, 2
    arrays.write(folder / "ct.nrrd", volume.voxels, volume.affine)
    arrays.write(folder / "labels.nrrd", labels, volume.affine)
    run = {"model": "unet-lits", "device": "cpu", "notes": [], "seconds": 0.0, "options": {"postprocessing": None}}
    pair = {"volume": str(folder / "ct.nrrd"), "labels": str(folder / "labels.nrrd"), "run": run}
    more = {"images": [str(file) for file in files], "folder": str(folder / "objects"), "marks": [[[6, 9, 2], 0, 24]]}
    answer = Commands().run("write_objects", pair | more | {"repeatable": True}, Job())
    archive.store(*files, *(folder / "objects" / name for name in ("segmentation.dcm", "measurements.dcm")))
    return labels, answer["report"]


@pytest.fixture
def beside(web_page, tmp_path):
    """Make a session that a server lets use some archives, with its sections."""
    from LiverTumorSegLib.apps.panel.mrml_jobs import SceneJobs
    from LiverTumorSegLib.apps.web.session.sections.archive_in import ArchiveSection
    from LiverTumorSegLib.apps.web.session.sections.archive_out import SendSection
    from LiverTumorSegLib.apps.web.session.sections.input import SourceSection
    from LiverTumorSegLib.apps.web.session.session import Session

    folder, made = tmp_path / "session", []
    folder.mkdir()

    def make(*archives):
        served = SessionArchives(archives)
        link = SimpleNamespace(send=lambda said: served.take("s", folder, said, session.archives.take))
        panel = Panel(WorkerHere(folder))
        session = Session(web_page.server, web_page.app, web_page.views, panel, SceneJobs(panel), link, folder)
        made.append(session)
        session.state.update({"writing": False, "outdated": False, "idle": True})
        source = built(SourceSection, session)
        search = built(lambda session: ArchiveSection(session, source), session)
        send = built(SendSection, session)
        run(session, session.archives.open())
        session.tell()
        return SimpleNamespace(session=session, search=search, send=send)

    yield make
    for session in made:
        session.clear()


def run(session, work=None):
    """Let the session go on until nothing is left to do."""

    async def settle():
        if work is not None:
            await work
        while session._running or not session.panel.settled:
            session.panel.poll()
            await asyncio.sleep(0.01)

    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(settle(), 120))


def do(session, act, *chosen):
    """Press a button, and let all end that it begins."""

    async def press():
        act(*chosen)

    run(session, press())
