import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.evaluation_cases import affine_of, pair_of, save, small_pair

from LiverTumorSegLib.evaluation.case import MEASURES, EvaluationSettings, measure_pair
from LiverTumorSegLib.evaluation.label_pair import STRUCTURES, LabelPair
from LiverTumorSegLib.evaluation.overlap import Empties


def test_every_measure_of_every_structure_is_there():
    content = measure_pair(small_pair(), EvaluationSettings(), "patient 1").to_dict(EvaluationSettings())
    assert content["patient"] == "patient 1"
    for structure in STRUCTURES:
        assert list(content[structure]) == [*MEASURES, "empty"]
        assert None not in [content[structure][key] for key in MEASURES]
        assert content[structure]["empty"] is None
    assert content["probabilities"] is None
    json.dumps(content, allow_nan=False)


def test_a_case_measured_by_hand():
    reference = np.zeros((4, 9, 9), np.uint8)
    reference[1:3, 2:6, 2:6] = 1
    prediction = np.roll(reference, 1, axis=1)
    content = measure_pair(pair_of(prediction, reference, (2.0, 0.5, 0.5)), EvaluationSettings()).to_dict(
        EvaluationSettings()
    )
    liver = content["liver"]
    assert liver["dice"] == liver["dice_per_slice"] == pytest.approx(0.75)
    assert liver["iou"] == pytest.approx(0.6)
    assert liver["prediction_ml"] == liver["reference_ml"] == pytest.approx(32 * 0.5 / 1000)
    assert liver["accuracy"] == pytest.approx(1 - 16 / (4 * 81))
    assert liver["hd_mm"] == pytest.approx(0.5)
    assert liver["surface_dice"] == 1
    assert content["burden"] == {"prediction": 0, "reference": 0, "difference": 0}
    assert content["confusion"] == [[4 * 81 - 40, 8, 0], [8, 24, 0], [0, 0, 0]]
    assert content["lesion"]["empty"] == "both"
    assert content["lesion"]["dice"] == 1


def test_the_rule_for_empty_masks_is_applied():
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[1, 2:6, 2:6] = 1
    pair = pair_of(np.zeros_like(labels), labels)
    case = measure_pair(pair, EvaluationSettings())
    assert case.measures("liver", EvaluationSettings())["assd_mm"] is None
    assert case.measures("liver", EvaluationSettings(empties=Empties.WORST))["assd_mm"] == pytest.approx(
        pair.diagonal_mm
    )
    assert case.measures("lesion", EvaluationSettings(empties=Empties.LEAVE_OUT))["dice"] is None


def test_probabilities_become_curves(tmp_path):
    pair = small_pair()
    path = save(tmp_path / "liver.nii.gz", np.where(pair.reference > 0, 0.9, 0.2), dtype=np.float32)
    curve = measure_pair(pair, EvaluationSettings(), probabilities={"liver": path}).to_dict(EvaluationSettings())[
        "probabilities"
    ]["liver"]
    assert curve["auc"] == 1


AXES = st.permutations(range(3))
SPACINGS = st.tuples(*[st.floats(0.4, 6)] * 3)


@settings(max_examples=25, deadline=None)
@given(AXES, st.tuples(*[st.booleans()] * 3), SPACINGS, st.integers(0, 2**32 - 1))
def test_axis_order_and_flips_change_nothing_in_the_patient(axes, flips, spacing, seed):
    random = np.random.default_rng(seed)
    pair = pair_of(random.integers(0, 3, (4, 5, 6)), random.integers(0, 3, (4, 5, 6)), spacing)

    def turned(labels):
        return np.flip(labels.transpose(axes), [axis for axis, flip in enumerate(flips) if flip])

    steps = pair.axes_mm[list(axes)] * np.where(flips, -1, 1)[:, None]
    affine = affine_of(spacing)
    affine[:3, :3] = steps[::-1].T
    changed = LabelPair(turned(pair.prediction), turned(pair.reference), affine)
    first, second = (measure_pair(each, EvaluationSettings()).to_dict(EvaluationSettings()) for each in (pair, changed))
    for structure in STRUCTURES:
        for key in MEASURES:
            if key != "dice_per_slice":  # slices of another direction
                assert first[structure][key] == pytest.approx(second[structure][key]), (structure, key)
    assert first["confusion"] == second["confusion"]
    assert first["burden"] == second["burden"]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 5), st.integers(0, 2**32 - 1))
def test_lengths_grow_with_the_spacing_and_nothing_else_does(scale, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, (2, 4, 5, 6))
    settings = EvaluationSettings()
    small, large = (
        measure_pair(pair_of(*labels, (2.0 * s, 0.9 * s, 0.8 * s)), EvaluationSettings(tolerance_mm=2.0 * s)).measures(
            "liver", settings
        )
        for s in (1, scale)
    )
    for key in MEASURES:
        times = {"_mm": scale, "_ml": scale**3}.get(key[-3:], 1)
        assert large[key] == pytest.approx(small[key] * times), key
