"""`livertumorseg web` in a process of its own, and its page in a real Chromium: for tests, pictures and benchmarks.

Parts of the page are found by id, role and text, so that its layout may change.
"""

from __future__ import annotations

import http.client
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from PIL import Image

from support import system_libraries
from support.waiting import PATIENCE, wait_until

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZE = (1280, 800)
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
"""Headers that ask for a web socket."""

SLICE_VIEWS = ("Axial", "Coronal", "Sagittal")
VIEWS = (*SLICE_VIEWS, "3D")
_COMMAND = "from LiverTumorSegLib.apps.cli import main; main()"
_IMPATIENT_COMMAND = f"""
import functools, sys
from LiverTumorSegLib.apps.web.server import app
app.FrontServer = functools.partial(app.FrontServer, grace_seconds=float(sys.argv.pop(1)))
{_COMMAND}
"""
_TELL_REJECTIONS = """addEventListener('unhandledrejection', event => setTimeout(() => {
    if (!event.defaultPrevented && !(event.reason instanceof Error)) {
        console.error('rejected: ' + JSON.stringify(event.reason));
    }
}))"""
_MARGIN = 0.2
"""Share of a view on each side where its name, buttons and slider stand."""


@dataclass
class Site:
    """A running `livertumorseg web`.

    Args:
        address: with the token.
        process: of the front.
        printed: file of what it printed.
        temporary: folder that it has its temporary files in.
    """

    address: str
    process: subprocess.Popen
    printed: Path
    temporary: Path

    @property
    def origin(self) -> str:
        """The address without path and token."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass
class Watch:
    """A watch on a browser: every message of it counts as a fault.

    Args:
        host: with port, the one that may be asked.
    """

    host: str
    faults: list[str] = field(default_factory=list)

    def follow(self, context) -> None:
        """Listen to all pages of a context."""
        context.add_init_script(_TELL_REJECTIONS)  # Playwright names a thrown thing that is no error "Object"
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"page error: {error.error}"))
        context.on("requestfailed", self._failed)
        context.on("request", lambda request: self._asked(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._asked(socket.url)))

    def take(self) -> list[str]:
        """The faults since the last call; they do not count any more."""
        taken, self.faults = self.faults, []
        return taken

    def _console(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _failed(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # which the page itself did, such as by being loaded again
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.faults.append(f"left the machine: {url}")


def need_packages() -> None:
    """The test is skipped where the packages of the page are missing."""
    pytest.importorskip("trame_slicer", reason="needs the packages of the page: pip install livertumorseg[web]")


def need_browser() -> str:
    """The browser's path; the test is skipped where there is none."""
    need_packages()
    pytest.importorskip("playwright", reason="needs Playwright: pip install playwright")
    found = system_libraries.browser()
    if not found:
        pytest.skip(f"needs a browser: {system_libraries.advice()}")
    return found


@contextmanager
def serving(folder: Path, *arguments: str | Path, grace_seconds: float | None = None) -> Iterator[Site]:
    """Start `livertumorseg web` and end it: no process and no file of it may stay.

    Args:
        folder: for what it prints, and for its temporary files.
        arguments: of the command line; the port is any that is free.
        grace_seconds: that a session without a browser is kept for, where not the usual time.
    """
    start = [_COMMAND] if grace_seconds is None else [_IMPATIENT_COMMAND, str(grace_seconds)]
    command = [sys.executable, "-X", "utf8", "-c", *start, "web", *map(str, arguments), "--no-browser"]
    printed, temporary = folder / "printed.txt", folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    with printed.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    try:
        yield Site(_address(process, printed), process, printed, temporary)
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        _end(process)
    assert psutil.wait_procs(family, PATIENCE)[1] == []
    assert [path.name for path in temporary.iterdir() if path.name.startswith("livertumorseg")] == []


def _end(process: subprocess.Popen) -> None:
    """As the system asks for it, since Ctrl-C is ignored in the background; harder where that is not enough."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(PATIENCE)
    finally:
        process.kill()


@contextmanager
def chromium():
    """A Chromium without a window, for any number of separate visitors."""
    path = need_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def visiting(browser, site: Site, size: tuple[int, int] = SIZE):
    """A page of a new visitor; at its end nothing may have gone wrong in the browser."""
    watch = Watch(urlsplit(site.address).netloc)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(PATIENCE * 1000)
    watch.follow(context)
    page = context.new_page()
    page.watch = watch
    try:
        page.goto(site.address)
        yield page
    finally:
        context.close()
    assert watch.faults == [], watch.faults


def status(page, address: str) -> int:
    """Of a request with a page's cookies, of which its console says nothing."""
    at = urlsplit(address)
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies(address))
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=PATIENCE)
    connection.request("GET", at.path, headers={"Host": at.netloc, "Cookie": cookies})
    answer = connection.getresponse().status
    connection.close()
    return answer


def has_ct(page) -> None:
    """Wait until a CT stands in all views."""
    page.wait_for_selector("#ct-name")
    for name in SLICE_VIEWS:
        wait(page, lambda view=name: (pixels(page, view).max(axis=2) > 100).any(), f"a CT in the {name} view")


def open_setup(page) -> None:
    """Open what a CT has folded away: file, model and device."""
    folded = page.locator("#setup-line[aria-expanded=false]")
    if folded.count():
        folded.click()


def can_segment(page) -> None:
    """Wait until the button starts a segmentation."""
    page.wait_for_function("""() => {
        const button = document.querySelector('#segment');
        return button && !button.disabled && button.innerText.trim().toLowerCase() === 'segment';
    }""")


def segment(page) -> None:
    """Segment and wait for the result."""
    can_segment(page)
    page.click("#segment")
    says(page, "#stage", "Done.")
    page.wait_for_selector("#lesions")


def says(page, where: str, text: str) -> None:
    """Wait until an element says so."""
    from playwright.sync_api import expect

    expect(page.locator(where)).to_contain_text(text, timeout=PATIENCE * 1000)


def wait(page, condition: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Let the page go on until a condition holds."""
    told = what if callable(what) else lambda: what
    wait_until(condition, told=told, pause=lambda: page.wait_for_timeout(50))


def settled(page, view: str) -> np.ndarray:
    """A view once it does not change any more."""
    seen = [pixels(page, view)]

    def rests():
        page.wait_for_timeout(300)
        seen.append(pixels(page, view))
        return np.array_equal(*seen[-2:])

    wait_until(rests, told=lambda: f"the {view} view never rests")
    return seen[-1]


def image(page, view: str):
    """The picture of a view, found by the view's name beside it."""
    return page.locator(f"xpath=//*[normalize-space(text())='{view}']/ancestor::*[.//img][1]//img").first


def pixels(page, view: str) -> np.ndarray:
    """The middle of a view, without name and slider: uint8 [row, column, RGB]."""
    shown = picture(image(page, view).screenshot())
    rows, columns = (round(_MARGIN * size) for size in shown.shape[:2])
    return shown[rows:-rows, columns:-columns]


def picture(png: bytes) -> np.ndarray:
    """A screenshot: uint8 [row, column, RGB]."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def with_hue_of(shown: np.ndarray, rgb: tuple[int, int, int], tolerance: float = 15.0) -> int:
    """How many pixels have a colour's hue: grey values of a CT that it covers do not change that."""
    hue, saturation, value = hsv(shown)
    wanted = hsv(np.array([[rgb]], np.uint8))[0][0, 0]
    apart = np.abs((hue - wanted + 180) % 360 - 180)
    return int(((apart < tolerance) & (saturation > 0.04) & (value > 40)).sum())


def hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue in degrees, saturation 0 to 1 and value 0 to 255 of colours [..., RGB]."""
    hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(rgb).convert("HSV"), np.float32), -1, 0)
    return hue * 360 / 256, saturation / 255, value


def table(page) -> list[list[str]]:
    """The cells of the lesion table."""
    return page.locator("#lesions tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"
    )


def places(page) -> dict[str, float]:
    """Where each slice view is along the axis it goes through, in mm of RAS, by its name."""
    return {view: _place(page.inner_text(f"#place-{view.lower()}")) for view in SLICE_VIEWS}


def _place(text: str) -> float:
    side, mm, *_ = text.split()
    return float(mm) if side in "RAS" else -float(mm)


def _address(process: subprocess.Popen, printed: Path) -> str:
    def said() -> str:
        return printed.read_text(encoding="utf-8")

    def found() -> list[str]:
        ended = process.poll() is not None
        addresses = [word for word in said().split() if word.startswith("http://")]
        assert addresses or not ended, said()
        return addresses

    return wait_until(found, told=said)[0]
