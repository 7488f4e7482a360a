import numpy as np
import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.evaluation import case
from LiverTumorSegLib.evaluation.case import EvaluationSettings
from LiverTumorSegLib.evaluation.label_pair import LabelPair
from LiverTumorSegLib.experiments.reproduction.nothing import patient_of_nothing, slices_of_nothing
from LiverTumorSegLib.experiments.reproduction.slice_metrics import SliceScore, SliceScores, compute_metric
from LiverTumorSegLib.experiments.trial import PatientResult

# Three slices of 100 pixels: half of a structure found, nothing to find and nothing found, a false find.
THREE = SliceScores(
    slices=tuple(SliceScore(*each) for each in ((10, 10, 10, 70, 2.0), (0, 0, 0, 100, None), (0, 5, 0, 95, None))),
    patients=(("a", 1), ("b", 2)),
)


def test_finding_nothing_scores_well_where_there_is_little_to_find():
    nothing = slices_of_nothing(THREE)
    assert compute_metric("mean_dice", [nothing]).value == pytest.approx(2 / 3)
    assert compute_metric("accuracy", [nothing]).value == pytest.approx(280 / 300)
    assert compute_metric("sensitivity", [nothing]).value == 0
    assert compute_metric("shown_dice", [nothing]) == (0, 1)
    assert compute_metric("patient_dice", [nothing]) == (0, 1)
    assert compute_metric("shown_assd_px", [nothing]).value is None
    assert [sum(one[:4]) for one in nothing.slices] == [100, 100, 100]


def test_pixels_that_are_all_equally_likely_have_half_the_area():
    assert compute_metric("auc", [slices_of_nothing(THREE)]).value == pytest.approx(0.5)
    assert compute_metric("auc", [slices_of_nothing(SliceScores(slices=THREE.slices[1:]))]).value is None


def measured(found, reference):
    """A patient as a trial measures it."""
    settings, pair = EvaluationSettings(), LabelPair(found, reference, np.eye(4))
    one = case.measure_pair(pair, settings, "a")
    both = {name: one.measures(name, settings) for name in ("liver", "lesion")}
    return PatientResult(
        name="a",
        reference=one.reference,
        detection=None,
        touched=None,
        confusion=one.confusion.tolist(),
        seconds=1.0,
        device="cpu",
        **both,
    )


@pytest.mark.parametrize("with_lesion", [True, False])
def test_a_patient_in_whom_nothing_is_found_has_the_figures_of_an_empty_result(with_lesion):
    reference = np.zeros((4, 8, 8), np.uint8)
    reference[1:3, 2:6, 2:6] = 1
    reference[1, 3, 3] = 2 if with_lesion else 1
    found = np.roll(reference, 1, axis=1)
    wanted = measured(np.zeros_like(reference), reference)
    nothing = patient_of_nothing(measured(found, reference))
    assert nothing == wanted
    assert nothing.liver["accuracy"] == pytest.approx(1 - 32 / 256)
    assert nothing.lesion["dice"] == (0 if with_lesion else 1)


def test_what_a_model_does_not_look_for_is_not_measured():
    reference = np.ones((2, 4, 4), np.uint8)
    alone = measured(reference, reference).model_copy(update={"lesion": None})
    assert patient_of_nothing(alone).lesion is None
