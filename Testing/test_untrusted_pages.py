"""Whatever names, titles and notes say, pages have the elements that they have with plain words: parsed as HTML is."""

from dataclasses import replace
from html.parser import HTMLParser

import test_report_browser
from conftest import describe
from evaluation_content import content
from untrusted_models.folders import SCRIPT

from LiverTumorSegLib import report
from LiverTumorSegLib.description import Licence
from LiverTumorSegLib.evaluation.report import page
from LiverTumorSegLib.evaluation.report.side_by_side import Shown
from LiverTumorSegLib.lesions import measure

browser = test_report_browser.browser
HOSTILE = SCRIPT + "' onmouseover='alert(1)' x='</title></style></svg><svg onload=alert(1)><!-- {{ 7 * 7 }}"
RAN = "document.title='ran'"


class Skeleton(HTMLParser):
    """Elements with the names of their attributes, in order, and where links and pictures lead."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.targets = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, *(name for name, _ in attributes)))
        self.targets += [value for name, value in attributes if name in ("href", "src", "xlink:href", "action")]

    def handle_comment(self, data):
        self.elements.append(("comment", data))


def evaluation(words):
    made = content(names=[words, "b"], failed={words + "2": words}, probabilities=True)
    made |= {"command": words, "settings": {words: words}, "software": words, "warnings": [words]}
    made["cases"][words]["warnings"] = [words]
    return page.html(made, {words: [Shown("data:image/jpeg;base64,AAAA", words, words)]})


def segmented(segmentation, words):
    model = describe(title=words, segments=words, licence=Licence(name=words, terms=words))
    said = replace(segmentation, model=model, device=words, notes=(words,))
    said = replace(said, volume=replace(segmentation.volume, warnings=(words,)))
    return report.html(said, measure(said.labels, said.volume))


def check(hostile, plain):
    found, wanted = Skeleton(hostile), Skeleton(plain)
    assert found.elements == wanted.elements
    assert all(target.startswith(("#", "data:image/")) for target in found.targets)
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile


def test_an_evaluation_has_no_element_or_attribute_of_a_files(monkeypatch):
    check(evaluation(HOSTILE), evaluation("a"))


def test_a_report_has_no_element_or_attribute_of_a_models(segmentation, monkeypatch):
    monkeypatch.setattr(report.render, "surfaces", lambda *_: None)
    check(segmented(segmentation, HOSTILE), segmented(segmentation, "a"))


def test_a_browser_runs_nothing_of_it(browser, segmentation, tmp_path, monkeypatch):
    monkeypatch.setattr(report.render, "surfaces", lambda *_: None)
    hostile = HOSTILE.replace("alert(1)", RAN)
    for number, text in enumerate([evaluation(hostile), segmented(segmentation, hostile)]):
        path = tmp_path / f"{number}.html"
        path.write_text(text, encoding="utf-8")
        dom = test_report_browser.run(browser, tmp_path, "--virtual-time-budget=2000", "--dump-dom", path.as_uri())
        assert "<title>ran" not in dom
    path.write_text(f"<p>{hostile}</p>", encoding="utf-8")
    dom = test_report_browser.run(browser, tmp_path, "--virtual-time-budget=2000", "--dump-dom", path.as_uri())
    assert "<title>ran" in dom  # where nobody escapes it
