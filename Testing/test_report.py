import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import describe

from LiverTumorSegLib import lesions, report
from LiverTumorSegLib.description import NetworkSpec
from LiverTumorSegLib.inference import Options, Segmentation
from LiverTumorSegLib.lesions import measure

BINARY = NetworkSpec(name="unet", in_channels=1, classes=1)


def test_the_page_stands_alone_and_says_what_matters(segmentation):
    table = measure(segmentation.labels, segmentation.volume)
    page = report.html(segmentation, table)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert page.count("not a medical device") == 2
    assert "A note." in page
    assert f"{table.liver_ml:.0f} ml" in page
    for lesion in table.lesions:
        assert f"<td>{lesion.volume_ml:.2f}</td>" in page
    assert page.count("<img") >= 3 + len(table.lesions)


def test_text_from_a_model_cannot_become_part_of_the_page(segmentation):
    model = describe(title="<script>alert(1)</script>")
    hostile = Segmentation(segmentation.labels, segmentation.volume, model, "cpu", Options(), (), 1.0)
    page = report.html(hostile, measure(hostile.labels, hostile.volume))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_without_a_liver_the_page_says_so(segmentation):
    empty = Segmentation(np.zeros_like(segmentation.labels), segmentation.volume, describe(), "cpu", Options(), (), 1.0)
    assert "No liver was found, so no lesion was looked for." in report.html(empty, measure(empty.labels, empty.volume))


def test_without_a_renderer_the_page_says_so(segmentation, monkeypatch):
    monkeypatch.setattr(report.render, "surfaces", lambda *_: None)
    assert "no renderer works on this machine" in report.html(
        segmentation, measure(segmentation.labels, segmentation.volume)
    )


def test_without_a_liver_looked_for_its_measures_are_dashes(segmentation, monkeypatch):
    monkeypatch.setattr(report.render, "surfaces", lambda *_: None)
    labels = np.where(segmentation.labels == 2, 2, 0).astype(np.uint8)
    alone = replace(segmentation, labels=labels, model=describe(labels=("background", "lesion"), network=BINARY))
    page = report.html(alone, measure(labels, alone.volume, alone.model.labels))
    assert "<b>—</b>liver, lesions included" in page
    assert "<b>—</b>tumour burden" in page
    assert page.count("<td>—</td>") == 2 * 2  # distance and burden of both lesions
    assert "no renderer works on this machine" in page
    nothing = replace(alone, labels=np.zeros_like(labels))
    page = report.html(nothing, measure(nothing.labels, nothing.volume, nothing.model.labels))
    assert "No lesion was found." in page


@pytest.mark.parametrize(("count", "said"), [(2, False), (3, True)])
def test_of_many_lesions_the_largest_are_shown_and_the_rest_counted(segmentation, monkeypatch, count, said):
    monkeypatch.setattr(report.render, "surfaces", lambda *_: None)
    monkeypatch.setattr(report, "MANY", 2)
    monkeypatch.setattr(lesions, "MANY", 2)
    labels = np.ones_like(segmentation.labels)
    for number in range(count):
        labels[5, 10, 10 + 20 * number : 20 + 18 * number] = 2  # each shorter than the one before
    page = report.html(replace(segmentation, labels=labels), measure(labels, segmentation.volume))
    assert page.count('alt="axial slice of lesion') == 2
    assert ("These are the largest 2 lesions; 1 more stands in lesions.csv." in page) == said
    assert ("3 lesions are more than the reading of any patient can use" in page) == said


def test_a_slower_run_gives_the_same_page(segmentation):
    table = measure(segmentation.labels, segmentation.volume)
    assert report.html(replace(segmentation, seconds=99.0), table) == report.html(segmentation, table)
