"""A picture of a service's page with made-up series, into Resources/Screenshots.

    python Testing/screenshots/pacs.py

It is of the real page in a real Chromium; the reports are those of phantoms.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import pacs_page_cases, system_libraries, web_cases
from support.repository import ROOT

from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.datasets import phantom

TARGET = ROOT / "Resources" / "Screenshots" / "pacs.png"
SHAPE, SPACING = (72, 192, 192), (3.0, 2.0, 2.0)


class Clock:
    """A morning on which something happens every ten seconds."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 7, 40, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=10)
        return self.time


def main(target: Path = TARGET, theme: str = "light", width: int = 1280) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        queue = SeriesQueue(folder / "node.sqlite", now=Clock())
        pacs_page_cases.fill(queue)
        for seed in (3, 4):
            made = phantom.create(SHAPE, SPACING, seed=seed)
            report = pacs_page_cases.write_report(folder / f"report{seed}", made)
            pacs_page_cases.finished(queue, folder / "results", report)
        with pacs_page_cases.serving(queue, folder / "results") as address:
            take(address, target, theme, width)
        queue.close()
    print(target)


def take(address: str, target: Path, theme: str, width: int) -> None:
    """A picture of the whole page, once its pictures are there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_libraries.browser(), args=list(web_cases.FLAGS))
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
        page.goto(address)
        for picture in page.locator("img").all():
            picture.scroll_into_view_if_needed()
        page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")
        page.screenshot(path=target, full_page=True)
        browser.close()
    with Image.open(target) as shown:
        shown.convert("RGB").save(target, optimize=True)


if __name__ == "__main__":
    main()
