"""The report as a browser shows and prints it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support import web_cases

from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.ct_identity import CTIdentity
from LiverTumorSegLib.reporting.lesion_origins import LesionOrigin
from LiverTumorSegLib.reporting.lesions import measure_lesions

TOO_WIDE = "[document.documentElement, ...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"
SMALLEST = """() => Math.min(...[...document.querySelectorAll('body *')].filter(node =>
    [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()))
    .map(node => parseFloat(getComputedStyle(node).fontSize)))"""
ORIGIN = LesionOrigin(automatic=True, clicks=12, corrected=True)


@pytest.fixture
def page(segmentation, tmp_path):
    """Of ten lesions of which all is known."""
    labels = np.where(segmentation.labels > 0, 1, 0).astype(np.uint8)
    for number, (k, j, i) in enumerate(np.argwhere(labels)[:: labels.sum() // 10][:10]):
        labels[k, j, i : i + 1 + number % 3] = 2
    table = measure_lesions(labels, segmentation.volume)
    assert len(table.lesions) == 10
    numbers = [lesion.number for lesion in table.lesions]
    table = table.with_origins(dict.fromkeys(numbers, ORIGIN)).with_notes({2: "Seen in the last CT, too. " * 6})
    table = table.with_liver_segments(dict.fromkeys(numbers, ("VIII", "VII", "IVa")))
    judged = tuple(replace(lesion, probability=0.5) for lesion in table.lesions)
    path = tmp_path / "report.html"
    text = report_files.render_page(
        replace(segmentation, labels=labels),
        replace(table, lesions=judged),
        identity=CTIdentity("a" * 60, "2026-03-14"),
    )
    path.write_text(text, encoding="utf-8")
    return path


def test_it_stands_alone_fits_its_window_and_ten_lesions_print_whole_on_three_pages_with_colours(page):
    text = page.read_text(encoding="utf-8")
    assert 'src="data:image' in text
    for address in ("http://", "https://", "file://", "@import", "<script"):
        assert address not in text
    with web_cases.chromium() as browser:
        shown = browser.new_page()
        shown.goto(page.as_uri())
        assert "not a medical device" in shown.inner_text("body")
        assert shown.locator("table.lesions tbody").count() == 10
        assert shown.evaluate(SMALLEST) >= 14
        for width in (1024, 1280, 1600):
            shown.set_viewport_size({"width": width, "height": 900})
            assert shown.evaluate(TOO_WIDE) == [0, 0], width
        shown.set_viewport_size({"width": 390, "height": 844})
        assert shown.evaluate(TOO_WIDE)[0] == 0  # the table alone moves sideways
        for paper in ("A4", "Letter"):
            printed = shown.pdf(format=paper, prefer_css_page_size=True)
            assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= 3, paper
        shown.emulate_media(media="print")
        shown.set_viewport_size({"width": 710, "height": 1000})  # of A4, the narrower, within its margins
        assert shown.evaluate(TOO_WIDE) == [0, 0]
        assert shown.evaluate("getComputedStyle(document.querySelector('.figures div')).printColorAdjust") == "exact"
        printed = web_cases.picture(shown.screenshot(full_page=True))
        assert web_cases.with_hue_of(printed, (255, 225, 90)) > 50  # diameters
