"""A session of the page for tests: its scene, views, state and sections, without a browser; results come at once."""

import asyncio
import itertools
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from LiverTumorSegLib.apps.panel.clicks import clicked_lesion
from LiverTumorSegLib.apps.panel.panel import Panel
from LiverTumorSegLib.core.boxed import Boxed
from support.click_cases import click_model
from support.mrml_cases import GEOMETRIES, labels, make_volume
from support.web_scene import AtOnce, scene_of_a_session

LABELS = np.minimum(labels(), 2)
SIZE = 200
_NUMBERS = itertools.count()


class ReadyPanel(AtOnce, Panel):
    """A panel that does nothing in the background."""

    def __init__(self):
        Panel.__init__(self)
        self.labels = LABELS
        self.clicked = []

    def prepare_clicks(self, _volume, **_chosen):
        pass

    def click(self, volume, labels, clicks, done, *, base=None, **_chosen):
        """Let a network that takes what is dark for lesion answer, in this process."""
        from LiverTumorSegLib.inference.clicks.replay import ClickedCT, KeptAnswers

        self.clicked.append(clicks)
        before = None if base is None else Boxed.around(base).seen(volume)
        ct = ClickedCT(volume, click_model(), None, "cpu", KeptAnswers())
        found = ct.lesion(clicks, before)
        box, mask = found.lesion.back(volume)
        answer = {"at": [side.start for side in box], "probability": found.probability, "warnings": found.warnings}
        done(clicked_lesion(answer, mask, volume, labels, clicks, base))


@pytest.fixture(scope="module")
def web_page(tmp_path_factory):
    """Server and views of a page; the views share one application, which costs most of the time."""
    with scene_of_a_session() as app:
        from trame.app import get_server

        from LiverTumorSegLib.apps.web.session.views import Views

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        server = get_server(f"page-{next(_NUMBERS)}", client_type="vue3")
        server.state.ready()
        views = Views(app, server)
        for view in app.view_manager.get_views():
            view.update_size(SIZE, SIZE)
        yield SimpleNamespace(app=app, server=server, views=views, folder=tmp_path_factory.mktemp("session"))
        _end(loop)


def _end(loop):
    """Nothing drew in the background, and nothing shall any more."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def session(web_page):
    """A new session whose panel finds liver and lesions at once; its nodes are removed afterwards."""
    from LiverTumorSegLib.apps.panel.mrml_jobs import SceneJobs
    from LiverTumorSegLib.apps.web.session.session import Session

    panel = ReadyPanel()
    made = Session(web_page.server, web_page.app, web_page.views, panel, SceneJobs(panel), None, web_page.folder)
    yield made
    made.clear()


@pytest.fixture
def with_ct(session):
    """The session with a CT in its views."""
    session.volume = make_volume(GEOMETRIES["plain"])
    session.views.show(session.volume)
    return session


def built(kind, session):
    """A section of the page, kept up to date as the page does."""
    from trame_vuetify.ui.vuetify3 import VAppLayout

    section = kind(session)
    with VAppLayout(session.server, template_name=f"part-{next(_NUMBERS)}"):
        section.build()

    def show():
        with session.state:
            section.show()

    session.changed.append(show)
    session.panel.changed.append(show)
    show()
    return section


def choose(session, **values):
    """Do as the browser does where the user changes something."""
    with session.state as state:
        state.update(values)


def segmented(session):
    """Give the session a result."""
    from LiverTumorSegLib.apps.web.session.sections.run import SegmentSection

    section = built(SegmentSection, session)
    section._on_button()
    return session.nodes


def offsets(session):
    """Place of each slice view's middle along its axis of RAS, in mm, by name."""
    axes = {"Sagittal": 0, "Coronal": 1, "Axial": 2}
    nodes = [view.get_view_node() for view in session.scene.view_manager.get_slice_views()]
    return {node.GetOrientation(): node.GetSliceToRAS().GetElement(axes[node.GetOrientation()], 3) for node in nodes}


def settle(work):
    """Do something, and wait until all that follows from it has happened."""

    async def both():
        before = asyncio.all_tasks()
        work()
        while after := asyncio.all_tasks() - before:
            await asyncio.gather(*after)

    asyncio.get_event_loop().run_until_complete(both())
