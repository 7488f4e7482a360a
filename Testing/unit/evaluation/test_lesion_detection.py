import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.lesion_cases import case, groups, lesions, line, noise
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation.label_pair import LabelPair
from LiverTumorSegLib.evaluation.lesion_detection import CaseDetection, Detections, detect_lesions, pool_detections


def counts(reference, prediction, iou=0.5):
    """True positives, false positives and false negatives of drawn lesions, above a threshold and at any overlap."""
    told = detect_lesions(line(reference, prediction), iou=iou).to_dict()
    return tuple(told["above"].values()), tuple(told["any"].values())


@pytest.mark.parametrize(
    ("reference", "prediction", "above", "touching"),
    [
        ("222..22", "222..22", (2, 0, 0), (2, 0, 0)),
        ("22222..", "22.22..", (1, 0, 0), (1, 0, 0)),  # split
        ("22.22..", "22222..", (2, 0, 0), (2, 0, 0)),  # merged
        ("2....22", "2222222", (0, 1, 2), (2, 0, 0)),  # merged, with too much between
        ("22..22.", ".22..22", (0, 2, 2), (2, 0, 0)),
        ("2.22222", "2222222", (2, 0, 0), (2, 0, 0)),
        ("2.222222", "2222.222", (1, 0, 1), (1, 0, 1)),  # another overlaps more
        ("22.....", "....222", (0, 1, 1), (0, 1, 1)),
        (".......", "22..222", (0, 2, 0), (0, 2, 0)),
        ("22..222", ".......", (0, 0, 2), (0, 0, 2)),
        (".......", ".......", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_drawn_lesions_are_counted(reference, prediction, above, touching):
    assert counts(reference, prediction) == (above, touching)


def test_an_iou_of_exactly_a_half_is_not_found():
    assert counts("22..", "2222") == ((0, 1, 1), (1, 0, 0))
    assert counts("22..", "222.") == ((1, 0, 0), (1, 0, 0))
    assert counts("22..", "2222", iou=0.4)[0] == (1, 0, 0)


@pytest.mark.parametrize(
    ("reference", "prediction", "lits_false_positives"), [("22222", "22.22", 1), ("22.22", "22222", -1)]
)
def test_parts_of_found_lesions_are_no_false_positives_where_the_public_program_counts_them(
    reference, prediction, lits_false_positives
):
    told = pool_detections({"a": detect_lesions(line(reference, prediction))}, 0.5)
    assert (told["false_positives"], told["precision"]) == (0, 1)
    assert told["predicted_lesions"] - told["true_positives"] == lits_false_positives


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_lesions_are_counted_as_by_sets_of_voxels(seed):
    prediction, reference = noise(seed)
    told = detect_lesions(case(prediction, reference)).to_dict()
    matched = groups(prediction, reference)
    for key, above in (("above", 0.5), ("any", 0)):
        found = [group for group in matched if group[2] > above]
        true = sum(len(theirs) for _, theirs, _ in found)
        false = len(lesions(prediction)) - sum(len(mine) for mine, _, _ in found)
        assert tuple(told[key].values()) == (true, false, len(lesions(reference)) - true)
    assert len(told["detected"]) == sum(iou > 0.5 for _, _, iou in matched)


def nearly(detection):
    """Rows and found groups, rounded below what an order of additions can change."""
    return json.loads(json.dumps(asdict(detection)), parse_float=lambda text: round(float(text), 9) + 0.0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_no_axis_order_or_flip_of_the_files_changes_anything(seed, axes, flips):
    affine = np.array([[-0.8, 0.1, 0, 40], [0.1, -0.9, 0, 60], [0, 0.2, 2.5, -30], [0, 0, 0, 1.0]])
    volumes = [Volume(labels, affine) for labels in noise(seed)]
    moved = [reordered(volume, tuple(axes), flips) for volume in volumes]
    first, second = (nearly(detect_lesions(seen(*pair))) for pair in (volumes, moved))
    assert first == second


def seen(prediction, reference):
    """Two label volumes as an evaluation sees them."""
    affine = reference.axial.affine(reference.affine, reference.voxels.shape)
    return LabelPair(prediction.axial.of(prediction.voxels), reference.axial.of(reference.voxels), affine)


def test_what_lies_around_the_lesions_changes_nothing():
    prediction, reference = noise(7)
    pair = case(prediction, reference)
    margins = (2, 1), (3, 0), (1, 4)
    affine = pair.affine.copy()
    affine[:3, 3] -= [before for before, _ in margins] @ pair.axes_mm
    padded = LabelPair(np.pad(prediction, margins), np.pad(reference, margins), affine)
    assert nearly(detect_lesions(padded)) == nearly(detect_lesions(pair))
    assert detect_lesions(padded).rows


def test_the_references_rows_come_first_each_largest_first():
    rows = detect_lesions(line("2.22...222", "22...2.222")).rows
    assert [(row.of, row.number) for row in rows] == [
        ("reference", 1),
        ("reference", 2),
        ("reference", 3),
        ("prediction", 1),
        ("prediction", 2),
        ("prediction", 3),
    ]
    assert [row.group for row in rows] == [2, None, 1, 2, 1, None]
    assert [row.centroid_mm[0] for row in rows] == pytest.approx([-8, -2.5, 0, -8, -0.5, -5])


def test_without_lesions_there_is_nothing():
    assert detect_lesions(line("....", "....")) == CaseDetection()
    assert CaseDetection().to_dict() == {
        "above": {"true_positives": 0, "false_positives": 0, "false_negatives": 0},
        "any": {"true_positives": 0, "false_positives": 0, "false_negatives": 0},
        "detected": [],
    }


def test_thousands_of_lesions_are_counted():
    reference = np.zeros((20, 40, 40), np.uint8)
    reference[::2, ::2, ::2] = 2
    prediction = np.roll(reference, 1, axis=2)
    prediction[:, :, :2] = reference[:, :, :2]
    told = detect_lesions(case(prediction, reference)).to_dict()
    assert tuple(told["above"].values()) == (200, 3800, 3800)
    assert len(told["detected"]) == 200


@pytest.mark.parametrize(
    ("found", "wrong", "missed", "precision", "recall", "f1"),
    [
        (3, 1, 2, 3 / 4, 3 / 5, 2 / 3),
        (0, 2, 3, 0, 0, 0),
        (0, 2, 0, 0, None, 0),
        (0, 0, 2, None, 0, 0),
        (0, 0, 0, None, None, None),
    ],
)
def test_scores_of_counts_by_hand(found, wrong, missed, precision, recall, f1):
    scores = Detections(found, wrong, missed).scores()
    assert (scores["precision"], scores["recall"], scores["f1"]) == (precision, recall, pytest.approx(f1) if f1 else f1)


WIDE = (2.0, 1.0, 4.0)
"""4 mm between columns: 2 voxels in a row are under 10 mm, 3 to 5 are up to 20 mm, 6 are over."""


def test_a_data_set_is_pooled_by_hand():
    cases = {
        "two": line("222222.22222..", "222222.222222.", WIDE),  # 24 mm; 20 mm, found as 24 mm
        "missed": line("22....222.....", "22.......22222", WIDE),  # 8 mm; 12 mm missed, 20 mm wrong
        "free": line("..............", "22....22222222", WIDE),  # 8 mm and 32 mm, both wrong
        "nothing": line("..............", "..............", WIDE),
    }
    told = pool_detections({name: detect_lesions(pair) for name, pair in cases.items()}, 0.5)
    assert (told["iou_above"], told["reference_lesions"], told["predicted_lesions"]) == (0.5, 4, 6)
    assert score(told) == (3, 3, 1, 1 / 2, 3 / 4, 3 / 5)
    assert score(told["by_size"]["under_10_mm"]) == (1, 1, 0, 1 / 2, 1, 2 / 3)
    assert score(told["by_size"]["10_to_20_mm"]) == (1, 1, 1, 1 / 2, 1 / 2, 1 / 2)
    assert score(told["by_size"]["over_20_mm"]) == (1, 1, 0, 1 / 2, 1, 2 / 3)
    assert told["detected"]["groups"] == 3
    assert told["detected"]["dice"] == pytest.approx((1 + 10 / 11 + 1) / 3)
    assert told["detected"]["voe"] == pytest.approx((0 + 1 / 6 + 0) / 3)
    assert told["detected"]["rvd"] == pytest.approx((0 + 1 / 5 + 0) / 3)
    assert told["detected"]["hd_mm"] == pytest.approx((0 + 4 + 0) / 3)
    assert told["tumour_free"] == {
        "cases": 2,
        "with_false_positives": 1,
        "false_positives": 2,
        "false_positive_ml": pytest.approx(10 * 8 / 1000),
    }


def score(told):
    keys = "true_positives", "false_positives", "false_negatives", "precision", "recall", "f1"
    return tuple(told[key] if told[key] is None else pytest.approx(told[key]) for key in keys)


def test_any_overlap_is_pooled_beside_the_threshold():
    told = pool_detections({"a": detect_lesions(line("222222..22", "22....2...", WIDE))}, 0.5)
    assert score(told) == (0, 2, 2, 0, 0, 0)
    assert score(told["any_overlap"]) == (1, 1, 1, 1 / 2, 1 / 2, 1 / 2)
    assert score(told["any_overlap"]["by_size"]["over_20_mm"]) == (1, 0, 0, 1, 1, 1)
    assert told["detected"] == {"groups": 0} | dict.fromkeys(("dice", "voe", "rvd", "assd_mm", "rmsd_mm", "hd_mm"))


def test_a_threshold_of_0_is_any_overlap():
    pair = line("222222..22", "22....2...", WIDE)
    told = pool_detections({"a": detect_lesions(pair, iou=0)}, 0)
    assert {key: told[key] for key in told["any_overlap"]} == told["any_overlap"]
    assert told["detected"]["groups"] == 1


def test_a_data_set_without_cases_has_no_scores():
    told = pool_detections({}, 0.5)
    assert score(told) == (0, 0, 0, None, None, None)
    assert told["tumour_free"] == {"cases": 0, "with_false_positives": 0, "false_positives": 0, "false_positive_ml": 0}


def test_everything_is_ready_for_json():
    detection = detect_lesions(line("222.22...2", "2222...2.2"))
    told = json.dumps(
        [detection.to_dict(), [asdict(row) for row in detection.rows], pool_detections({"a": detection}, 0.5)]
    )
    assert "NaN" not in told
