import io

import numpy as np
from PIL import Image

from LiverTumorSegLib import report_files
from LiverTumorSegLib.lesions import measure
from LiverTumorSegLib.node.report_pictures import NAMES, pictures
from LiverTumorSegLib.pictures import three_planes


def test_the_pictures_of_a_report_are_those_of_its_planes(segmentation, tmp_path):
    table = measure(segmentation.labels, segmentation.volume)
    report_files.write(tmp_path, segmentation, table)
    drawn = three_planes(segmentation.labels, segmentation.volume, table.lesions[0].centroid_mm)
    found = pictures(tmp_path / "report.html")
    assert tuple(found) == NAMES
    for name, content in found.items():
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), np.asarray(drawn[name]))


def test_a_page_without_pictures_has_none(tmp_path):
    (tmp_path / "report.html").write_text("<h1>Nothing</h1>")
    assert pictures(tmp_path / "report.html") == {}
