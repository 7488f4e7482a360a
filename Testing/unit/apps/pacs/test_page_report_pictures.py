import io

import numpy as np
from PIL import Image

from LiverTumorSegLib.apps.pacs.page import PLANES, report_pictures
from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.figures import draw_three_planes
from LiverTumorSegLib.reporting.lesions import measure_lesions


def test_the_pictures_of_a_report_are_those_of_its_planes(segmentation, tmp_path):
    table = measure_lesions(segmentation.labels, segmentation.volume)
    report_files.write(tmp_path, segmentation, table)
    drawn = draw_three_planes(segmentation.labels, segmentation.volume, table.lesions[0])
    found = report_pictures(tmp_path / "report.html")
    assert tuple(found) == PLANES
    for name, content in found.items():
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), np.asarray(drawn[name]))


def test_a_page_without_pictures_has_none(tmp_path):
    (tmp_path / "report.html").write_text("<h1>Nothing</h1>")
    assert report_pictures(tmp_path / "report.html") == {}
