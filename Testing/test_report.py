import re

import numpy as np
from conftest import describe

from LiverTumorSegLib import report
from LiverTumorSegLib.inference import Options, Segmentation
from LiverTumorSegLib.lesions import measure


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
