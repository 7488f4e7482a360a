import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from PIL import Image

from LiverTumorSegLib.experiments.reproduction import output_files, page, report, systems
from LiverTumorSegLib.experiments.reproduction.course import FLAT_RULE, Course
from LiverTumorSegLib.experiments.reproduction.results import JSON, Example, Reproduction

COURSE = Course(
    steps=2000,
    planned=3000,
    loss=tuple((100 * at, 1 / at) for at in range(1, 21)),
    validation=((1000, 0.5), (2000, 0.4)),
    flattened=True,
)
EXAMPLE = Example(
    kind="best", structure="lesion", dice=0.5, of=12, unit="slices", picture="published/u-net-examples/best.jpg"
)


def row(name="U-Net", **changes):
    full = {
        "courses": (COURSE,),
        "roc": {"lesion": ((0.0, 0.0), (0.1, 0.8), (1.0, 1.0))},
        "examples": (EXAMPLE,),
        "seconds": 4000.0,
        "foreseen": 5000.0,
    }
    return row_result(name, (0.8215, 0.7976, 1.0, None, None), 0.7, 0.6, 0.9, 0.5, 0.4).model_copy(
        update=full | changes
    )


DONE = reproduced("kulkarni", [row(), row("ResNet-50")], size="small")
KNOWN = systems.load("kulkarni")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / EXAMPLE.picture
    place.parent.mkdir(parents=True)
    Image.new("RGB", (30, 10)).save(place)
    return tmp_path


def text_of(html):
    return " ".join(unescape(re.sub(r"<(style|svg).*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)).split())


def test_the_page_is_drawn_from_what_the_json_says_alone(folder):
    output_files.write(folder, KNOWN, DONE)
    read = Reproduction.model_validate_json((folder / JSON).read_bytes())
    assert page.html(KNOWN, read, folder) == (folder / output_files.PAGE).read_text(encoding="utf-8")
    said = text_of((folder / output_files.PAGE).read_text(encoding="utf-8"))
    for line in report.table(read):
        assert all(cell in said for cell in line)


def test_steps_patients_and_whether_the_curve_had_flattened_stand_by_every_row(folder):
    said = text_of(page.html(KNOWN, DONE, folder))
    assert "2000 of 3000 67 slices, 4 patients 12 slices yes 67 minutes 83 minutes" in said
    assert FLAT_RULE in said


def test_curves_roc_and_pictures_are_within_the_page(folder):
    html = page.html(KNOWN, DONE, folder)
    assert html.count("<svg") == 3
    assert 'aria-label="ROC of all held-out pixels, published protocol"' in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert "best of 12 slices: lesion Dice 0.500" in text_of(html)
    assert not re.search(r"(src|href)=[\"'](?!data:|#)", html)


def test_a_page_without_curves_and_pictures_is_a_page(folder):
    bare = reproduced("kulkarni", [row(courses=(), roc={}, examples=(), seconds=None, foreseen=None)])
    said = text_of(page.html(KNOWN, bare, folder))
    assert "Curves of training" not in said
    assert "quick, no reproduction" in said
    assert "Published and measured" in text_of(page.html(KNOWN, reproduced("kulkarni", []), folder))


def test_a_picture_that_is_gone_is_left_out(tmp_path):
    assert "data:image" not in page.html(KNOWN, DONE, tmp_path)


def test_names_are_escaped(folder):
    html = page.html(KNOWN, reproduced("kulkarni", [row("<b>U")]).model_copy(update={"data": "<script>"}), folder)
    assert "<b>U" not in html
    assert "<script>" not in html


def test_the_page_has_whole_tags(folder):
    unclosed = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, _):
            if tag not in ("meta", "img", "br", "path", "use"):
                unclosed.append(tag)

        def handle_startendtag(self, tag, attributes):
            pass

        def handle_endtag(self, tag):
            if tag not in ("path", "use"):
                assert unclosed.pop() == tag

    Tags().feed(page.html(KNOWN, DONE, folder))
    assert not unclosed


def test_json_of_a_system_is_a_few_kilobytes(folder):
    output_files.write(folder, KNOWN, DONE)
    assert (folder / JSON).stat().st_size < 8000
    assert (
        json.loads((folder / JSON).read_text(encoding="utf-8"))["protocols"]["published"]["rows"][0]["courses"][0][
            "steps"
        ]
        == 2000
    )
