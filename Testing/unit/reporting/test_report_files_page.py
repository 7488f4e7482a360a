import re
from dataclasses import replace

import numpy as np
import pytest
from support.models import describe

from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.models.description import NetworkSpec
from LiverTumorSegLib.reporting import lesions, report_files
from LiverTumorSegLib.reporting.ct_identity import CTIdentity
from LiverTumorSegLib.reporting.lesion_columns import COLUMNS
from LiverTumorSegLib.reporting.lesion_origins import PAINTED, LesionOrigin
from LiverTumorSegLib.reporting.lesions import measure_lesions

BINARY = NetworkSpec(name="unet", in_channels=1, classes=1)


def without_renderer(*_):
    why = "no <GPU>"
    raise report_files.surface_render.NotDrawn(why)


def test_the_page_stands_alone_and_says_what_matters(segmentation):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    page = report_files.render_page(segmentation, table)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert page.count("not a medical device") == 2
    assert "A note." in page
    assert f"{table.liver_ml:.0f} ml" in page
    for lesion in table.lesions:
        assert f"<td>{lesion.volume_ml:.2f}</td>" in page
    assert page.count("<img") >= 3 + len(table.lesions)


def test_the_page_says_how_each_lesion_came_about_where_that_is_known(segmentation):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    assert "<b>Origin:</b>" not in report_files.render_page(segmentation, table)
    first, second = PAINTED, LesionOrigin(automatic=True, clicks=2, corrected=True)
    page = report_files.render_page(segmentation, table.with_origins({1: first, 2: second}))
    assert page.count("<b>Origin:</b>") == 2
    for words in ("painted", "automatic, improved by 2 clicks, corrected by hand"):
        assert page.count(f"<b>Origin:</b> {words}</span>") == 1


def test_text_from_a_model_cannot_become_part_of_the_page(segmentation):
    model = describe(title="<script>alert(1)</script>")
    hostile = Segmentation(segmentation.labels, segmentation.volume, model, "cpu", SegmentationOptions(), (), 1.0)
    page = report_files.render_page(hostile, measure_lesions(hostile.labels, hostile.volume))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_without_a_liver_the_page_says_so(segmentation):
    empty = Segmentation(
        np.zeros_like(segmentation.labels), segmentation.volume, describe(), "cpu", SegmentationOptions(), (), 1.0
    )
    assert "No liver was found, so no lesion was looked for." in report_files.render_page(
        empty, measure_lesions(empty.labels, empty.volume)
    )


def test_without_a_renderer_the_page_says_so(segmentation, monkeypatch):
    monkeypatch.setattr(report_files.surface_render, "render_surfaces", without_renderer)
    told = []
    page = report_files.render_page(
        segmentation, measure_lesions(segmentation.labels, segmentation.volume), told.append
    )
    assert told == ["The three-dimensional picture is left out (no <GPU>)."]
    assert '<p class="warning" role="note">The three-dimensional picture is left out (no &lt;GPU&gt;).</p>' in page


def test_without_a_liver_looked_for_its_measures_are_dashes(segmentation, monkeypatch):
    monkeypatch.setattr(report_files.surface_render, "render_surfaces", lambda *_: None)
    labels = np.where(segmentation.labels == 2, 2, 0).astype(np.uint8)
    alone = replace(segmentation, labels=labels, model=describe(labels=("background", "lesion"), network=BINARY))
    page = report_files.render_page(alone, measure_lesions(labels, alone.volume, alone.model.labels))
    assert "<b>—</b>liver, lesions included" in page
    assert "<b>—</b>tumour burden" in page
    assert page.count("<td>—</td>") == 2 * 2  # distance and burden of both lesions
    nothing = replace(alone, labels=np.zeros_like(labels))
    page = report_files.render_page(nothing, measure_lesions(nothing.labels, nothing.volume, nothing.model.labels))
    assert "No lesion was found." in page


@pytest.mark.parametrize(("count", "said"), [(2, False), (3, True)])
def test_of_many_lesions_the_largest_are_shown_and_the_rest_counted(segmentation, monkeypatch, count, said):
    monkeypatch.setattr(report_files.surface_render, "render_surfaces", lambda *_: None)
    monkeypatch.setattr(report_files, "MANY_LESIONS", 2)
    monkeypatch.setattr(lesions, "MANY_LESIONS", 2)
    labels = np.ones_like(segmentation.labels)
    for number in range(count):
        labels[5, 10, 10 + 20 * number : 20 + 18 * number] = 2  # each shorter than the one before
    page = report_files.render_page(replace(segmentation, labels=labels), measure_lesions(labels, segmentation.volume))
    assert page.count('alt="axial slice of lesion') == 2
    assert ("These are the largest 2 lesions; 1 more stands in lesions.csv." in page) == said
    assert ("3 lesions are more than the reading of any patient can use" in page) == said


def test_a_slower_run_gives_the_same_page(segmentation):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    assert report_files.render_page(replace(segmentation, seconds=99.0), table) == report_files.render_page(
        segmentation, table
    )


def test_the_page_names_the_ct_where_the_user_allows_it_alone(segmentation):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    plain = report_files.render_page(segmentation, table)
    named = report_files.render_page(segmentation, table, identity=CTIdentity("case <7>", "2026-03-14"))
    assert '<span class="ct">' not in plain
    assert '<span class="ct">: case &lt;7&gt;, 2026-03-14</span></h1>' in named
    for page in (plain, named):
        assert f'<p class="made">{segmentation.model.title} ({segmentation.model.name}), LiverTumorSeg ' in page


def test_columns_are_called_as_they_are_in_panel_and_csv(segmentation):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    page = report_files.render_page(segmentation, table)
    for name in table.to_csv().splitlines()[0].replace('"', "").split(","):
        if not name.startswith("centroid_"):
            column = COLUMNS[name]
            assert (f'title="{column.meaning}">{column.name}' in page) == (name not in ("number", "probability"))
            assert column.name.startswith(column.short.partition("\n")[0].rstrip("."))
