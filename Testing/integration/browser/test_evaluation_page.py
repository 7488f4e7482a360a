"""The page of an evaluation as a browser shows it."""

import re

import pytest
from support.browsers import browser, run
from support.evaluation_content import content

from LiverTumorSegLib.evaluation import report

__all__ = ["browser"]


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report.html(content(8, probabilities=True), {}), encoding="utf-8")
    return path


def dumped(browser, written, tmp_path, script, width=1200):
    """The page as it is after a script of the test has run."""
    text = written.read_text(encoding="utf-8")
    written.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    window = f"--window-size={width},900"
    return run(browser, tmp_path, window, "--dump-dom", written.as_uri())


def test_a_table_is_sorted_by_a_click(browser, written, tmp_path):
    click = 'document.querySelectorAll("table.sortable button")[3].click();'
    dom = dumped(browser, written, tmp_path, click + click)
    rows = re.findall(r'<tr id="case-\d+">(.*?)</tr>', dom)
    column = [re.findall(r"<td>(.*?)</td>", row)[2] for row in rows]
    assert column[-1] == "—"  # not defined
    numbers = [float(text) for text in column[:-1]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 7


@pytest.mark.parametrize("width", [1200, 500])
def test_nothing_is_wider_than_the_window(browser, written, tmp_path, width):
    script = "document.title = `${document.documentElement.scrollWidth} ${innerWidth}`"
    dom = dumped(browser, written, tmp_path, script, width)
    needed, given = map(int, re.search(r"<title>(\d+) (\d+)</title>", dom).groups())
    assert needed <= given
