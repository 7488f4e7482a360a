import numpy as np
import pytest
from support.click_cases import LESIONS, ball, click_model, clicked_ct, dice, ras, save_click_model

import LiverTumorSegLib as lts
from LiverTumorSegLib.core.about import CLICK_MODEL
from LiverTumorSegLib.inference.clicks.lesion import NO_LESION_SEEN

POINT = ras(LESIONS["small"][0])


@pytest.fixture(scope="module")
def ct():
    return clicked_ct()


def test_the_lesion_comes_with_its_measures(ct):
    lesion = lts.segment_lesion(ct, [POINT], model=click_model())
    assert dice(lesion.mask, ball(*LESIONS["small"])) > 0.93
    assert lesion.measures.volume_ml == pytest.approx(lesion.mask.sum() * ct.voxel_ml)
    assert lesion.measures.centroid_mm == pytest.approx(POINT, abs=1)
    assert lesion.measures.mean_hu == pytest.approx(50, abs=5)
    assert lesion.measures.surface_distance_mm is lesion.measures.burden_percent is None
    assert lesion.warnings == ()


def test_with_the_liver_the_measures_that_need_it_are_there_and_other_lesions_are_not_measured(ct):
    labels = np.ones(ct.voxels.shape, np.uint8)
    labels[:, :, :20] = 0
    labels[ball(*LESIONS["large"])] = 2
    labels[ball(*LESIONS["small"])] = 3
    measures = lts.segment_lesion(ct, [POINT], model=click_model(), labels=labels).measures
    assert measures.surface_distance_mm == pytest.approx(50 - 6 - 20 * 0.9, abs=2)
    assert measures.burden_percent == pytest.approx(100 * measures.volume_ml / ((labels > 0).sum() * ct.voxel_ml))


def test_the_mask_before_is_seen_and_a_point_beside_it_counts(ct):
    first = lts.segment_lesion(ct, [POINT], model=click_model())
    deep, row, column = LESIONS["small"][0]
    beside = ras((deep, row, column + 3))
    second = lts.segment_lesion(ct, [POINT], [beside], previous=first.mask, model=click_model())
    assert second.mask.sum() < first.mask.sum()


def test_in_a_liver_without_a_lesion_the_answer_says_that_there_may_be_none(ct):
    found = lts.segment_lesion(ct, [ras((30.0, 100.0, 30.0))], model=click_model())
    assert found.probability < 0.5
    assert NO_LESION_SEEN in found.warnings
    assert found.measures.volume_ml > 0


def test_points_may_be_arrays(ct):
    lesion = lts.segment_lesion(ct, np.array([POINT]), model=click_model())
    assert lesion.mask.any()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"inside": [(900.0, 0.0, 0.0)]}, "lies outside the CT"),
        ({"inside": [(float("nan"), 0.0, 0.0)]}, "is not a position"),
        ({"inside": POINT}, "inside is not a list of points"),
        ({"inside": [POINT[:2]]}, "inside is not a list of points"),
        ({"inside": [POINT], "outside": [("a", "b", "c")]}, "outside is not a list of points"),
        ({"inside": []}, "no click into a lesion"),
        ({"inside": [POINT], "outside": [POINT]}, "as inside and as outside"),
        ({"inside": [POINT], "outside": [(POINT[0] - 0.1, *POINT[1:])]}, "as inside and as outside"),
        ({"inside": [POINT], "previous": np.zeros((3, 4, 5), bool)}, r"previous has the shape \(3, 4, 5\)"),
        ({"inside": [POINT], "labels": np.zeros((3, 4), np.uint8)}, "labels has the shape"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(ct, asked, sentence):
    with pytest.raises(lts.UserError, match=sentence):
        lts.segment_lesion(ct, **{"model": click_model()} | asked)


def test_clicks_close_together_are_each_on_their_side(ct):
    """Closer than the balls around them, so that these meet."""
    beside = (POINT[0] + 1.0, *POINT[1:])
    lesion = lts.segment_lesion(ct, [POINT], [beside], model=click_model())
    to_voxels = np.linalg.inv(ct.affine)
    inside, outside = (tuple(np.rint(to_voxels @ [*each, 1])[2::-1].astype(int)) for each in (POINT, beside))
    assert lesion.mask[inside]
    assert not lesion.mask[outside]


def test_without_a_model_the_one_that_ships_is_taken(ct, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path))
    save_click_model(tmp_path / CLICK_MODEL)
    assert lts.segment_lesion(ct, [POINT]).mask.any()


def test_a_missing_model_is_named_with_the_way_to_get_it(ct, tmp_path, monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.models.store.SHIPPED_MODELS", tmp_path)
    with pytest.raises(lts.UserError, match="“lesion-click”, which segments lesions by clicks, is not here: it ships"):
        lts.segment_lesion(ct, [POINT])
