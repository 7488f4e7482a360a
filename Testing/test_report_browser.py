"""The report as a browser shows it."""

import subprocess

import pytest
import system_libraries
from PIL import Image

from LiverTumorSegLib import report
from LiverTumorSegLib.lesions import measure

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@pytest.fixture
def browser():
    found = system_libraries.browser()
    if not found:
        pytest.skip(f"needs a browser: {system_libraries.advice()}")
    return found


@pytest.fixture
def page(segmentation, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report.html(segmentation, measure(segmentation.labels, segmentation.volume)), encoding="utf-8")
    return path


def run(browser, tmp_path, *arguments):
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_page_needs_nothing_from_elsewhere(page):
    text = page.read_text(encoding="utf-8")
    assert 'src="data:image' in text
    for address in ("http://", "https://", "file://", "@import", "<script"):
        assert address not in text


def test_a_browser_lays_it_out_with_table_and_pictures(browser, page, tmp_path):
    dom = run(browser, tmp_path, "--dump-dom", page.as_uri())
    assert "not a medical device" in dom
    assert dom.count("<tr") == 1 + 2  # a heading and two lesions
    picture = tmp_path / "page.png"
    run(browser, tmp_path, f"--screenshot={picture}", "--window-size=1000,1400", page.as_uri())
    shown = Image.open(picture).convert("L")
    assert shown.size == (1000, 1400)
    levels = shown.histogram()
    assert sum(levels[:100]) > 20_000  # the dark of CT pictures and text
    assert sum(levels[200:]) > 200_000  # on a light page
