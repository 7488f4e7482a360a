"""The report as a browser shows it."""

import pytest
from PIL import Image
from support.browsers import browser, run

from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.lesions import measure_lesions

__all__ = ["browser"]


@pytest.fixture
def page(segmentation, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(
        report_files.render_page(segmentation, measure_lesions(segmentation.labels, segmentation.volume)),
        encoding="utf-8",
    )
    return path


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
