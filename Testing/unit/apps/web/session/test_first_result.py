import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, make_volume
from support.web_scene import labels_in, web_app, web_views  # noqa: F401

from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of


@pytest.fixture
def nodes(web_app):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.first_result import make_first_result

    node = make_volume(GEOMETRIES["sheared"])
    return make_first_result(node, volume_of(node), one_each=False)


def test_a_ct_that_nothing_has_segmented_gets_a_result_without_lesions_whose_liver_is_not_known(nodes):
    assert list(nodes.segments.values()) == [2]
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 1
    assert not labels_in(nodes).any()
    assert nodes.facts["liver_ml"] is None
    assert nodes.marks == ()
    assert texts.summary(nodes.facts, "ct") == "ct: <b>0 lesions</b>, 0.0 ml."


def test_a_lesion_that_is_added_leaves_no_empty_liver_behind(nodes, web_app):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.edited_segments import CorrectedSegments, VoxelLabels

    segments, box = CorrectedSegments(nodes), np.s_[2:4, 3:6, 3:6]
    before = segments.labels_of_box(box)
    segments.put(box, VoxelLabels(before.organ, np.ones_like(before.lesion)))
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 1
    assert labels_in(nodes).sum() == 2 * before.lesion.size
