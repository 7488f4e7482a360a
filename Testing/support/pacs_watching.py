"""A watcher whose time is in a test's hands, and servers to watch."""

import json
import logging
import threading
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest

from LiverTumorSegLib.apps.pacs.config import Rule
from LiverTumorSegLib.apps.pacs.sources import watch_archive
from support.pacs_cases import PACKAGE, series

ANY = (Rule(fewest_images=2),)
QUIET = 60


class Clock:
    """Time that passes when a test says so."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def watching(make_service, caplog):
    """A service's parts and a watcher, and the watcher's clock."""
    caplog.set_level(logging.INFO, PACKAGE)
    services = []

    def make(url, rules=ANY, limits=None, catch_up=None, **watch):
        settings = {"url": url, "quiet_seconds": QUIET, "timeout_seconds": 20} | watch
        service = make_service(watch=settings, limits=limits or {}, catch_up=catch_up)
        services.append(service)
        return begun(service, rules)

    return make


def begun(service, rules=ANY):
    """A watcher as a service has it that has just begun."""
    clock = Clock()
    config = service.config.model_copy(update={"rules": rules})
    watcher = watch_archive(config, service.inbox, service.queue, clock)
    return service, watcher, clock


def look_twice(watcher, clock):
    """See what there is, and see that it has not changed."""
    watcher.look()
    clock.seconds += QUIET
    watcher.look()


def states(service):
    return {one.series: (one.state, one.images) for one in service.queue.all()}


def new(folder, uid="1.2.3", count=3, **changes):
    """A series of today's whose images are this series' own."""
    changes = {"StudyDate": f"{date.today():%Y%m%d}", "SeriesInstanceUID": uid} | changes
    files = series(folder, count, **changes)
    for number, file in enumerate(files):
        one = pydicom.dcmread(file)
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{number + 1}"
        one.save_as(file)
    return files


@contextmanager
def serving(answers, **traits):
    """A DICOMweb server that answers searches for series from a list, with traits of servers that there are."""
    with HTTPServer(("127.0.0.1", 0), Searched) as server:
        server.answers, server.asked, server.kind = answers, [], "application/dicom+json"
        server.leads = ""
        server.most, server.pages, server.says = traits.get("most", 1000), traits.get("pages", True), None
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/dicom-web", server
        server.shutdown()


class Searched(BaseHTTPRequestHandler):
    """Answers with what the server is told to say, else with a page of its series."""

    def do_GET(self):
        parts = urlsplit(self.path)
        self.server.asked.append(parts.path)
        if self.server.leads and len(self.server.asked) == 1:
            self.send_response(302)
            self.send_header("Location", self.server.leads)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = parse_qs(parts.query)
        paged = self.server.pages and "offset" in asked
        begin, count = (int(asked["offset"][0]), int(asked["limit"][0])) if paged else (0, self.server.most)
        count = min(count, self.server.most)
        found = self.server.answers[begin : begin + count] if parts.path.endswith("/series") else []
        body = self.server.says or json.dumps(found).encode()
        self.send_response(200 if found or self.server.says else 204)
        self.send_header("Content-Type", self.server.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if found or self.server.says else b"")

    def log_message(self, *_):
        """Nothing."""


def answer(uid, images=3, **more):
    said = {"00080060": "CT", "0020000D": "1.2.9", "0020000E": uid, "00201209": images} | more
    return {tag: {"vr": "LO", "Value": [value]} for tag, value in said.items() if value is not None}
