"""Whatever names, titles and notes say, pages have the elements that they have with plain words: parsed as HTML is."""

from dataclasses import replace
from html.parser import HTMLParser

from support.browsers import browser, run
from support.evaluation_content import content
from support.models import describe

from LiverTumorSegLib.evaluation import report as page
from LiverTumorSegLib.evaluation.panels import CasePicture
from LiverTumorSegLib.models.description import Licence
from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.lesions import measure_lesions
from robustness.untrusted_models.folders import SCRIPT

__all__ = ["browser"]
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
    return page.html(made, {words: [CasePicture("data:image/jpeg;base64,AAAA", words, words)]})


def segmented(segmentation, words):
    model = describe(title=words, segments=words, licence=Licence(name=words, terms=words))
    said = replace(segmentation, model=model, device=words, notes=(words,))
    said = replace(said, volume=replace(segmentation.volume, warnings=(words,)))
    return report_files.render_page(said, measure_lesions(said.labels, said.volume))


def check(hostile, plain):
    found, wanted = Skeleton(hostile), Skeleton(plain)
    assert found.elements == wanted.elements
    assert all(target.startswith(("#", "data:image/")) for target in found.targets)
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile


def test_an_evaluation_has_no_element_or_attribute_of_a_files(monkeypatch):
    check(evaluation(HOSTILE), evaluation("a"))


def test_a_report_has_no_element_or_attribute_of_a_models(segmentation, monkeypatch):
    monkeypatch.setattr(report_files.surface_render, "render_surfaces", lambda *_: None)
    check(segmented(segmentation, HOSTILE), segmented(segmentation, "a"))


def test_a_browser_runs_nothing_of_it(browser, segmentation, tmp_path, monkeypatch):
    monkeypatch.setattr(report_files.surface_render, "render_surfaces", lambda *_: None)
    hostile = HOSTILE.replace("alert(1)", RAN)
    for number, text in enumerate([evaluation(hostile), segmented(segmentation, hostile)]):
        path = tmp_path / f"{number}.html"
        path.write_text(text, encoding="utf-8")
        dom = run(browser, tmp_path, "--virtual-time-budget=2000", "--dump-dom", path.as_uri())
        assert "<title>ran" not in dom
    path.write_text(f"<p>{hostile}</p>", encoding="utf-8")
    dom = run(browser, tmp_path, "--virtual-time-budget=2000", "--dump-dom", path.as_uri())
    assert "<title>ran" in dom  # where nobody escapes it
