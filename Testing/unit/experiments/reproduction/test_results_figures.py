import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction.results import figure_over_patients, figure_over_slices
from LiverTumorSegLib.experiments.reproduction.slice_metrics import SliceScore, SliceScores
from LiverTumorSegLib.experiments.reproduction.systems import Metric
from LiverTumorSegLib.experiments.trial import PatientResult

DICE = Metric(name="Dice", structure="lesion", percent=True, slices="dice", volumes="dice")
ASSD = Metric(name="ASSD", structure="lesion", slices="shown_assd_px", volumes="assd_mm")
AUC = Metric(name="AUC", structure="lesion", slices="auc", volumes="auc")


def patient(name, dice, reference_ml=5.0, assd=None, auc=None):
    lesion = {"dice": dice, "assd_mm": assd, "reference_ml": reference_ml}
    return PatientResult(
        name=name,
        reference="0",
        liver=None,
        lesion=lesion,
        detection=None,
        touched=None,
        confusion=((0,),),
        seconds=1.0,
        device="cpu",
        auc={"lesion": auc},
    )


TRIALS = [
    [patient("a", 0.5, assd=2.0, auc=0.9), patient("b", 1.0, reference_ml=0.0)],
    [patient("c", 0.0, auc=0.7)],
]


def test_patients_of_all_folds_with_the_structure_are_averaged_in_the_papers_unit():
    found = figure_over_patients(DICE, TRIALS)
    assert (found.value, found.counted) == (25.0, 2)
    assert found.low <= 25.0 <= found.high


def test_a_distance_to_nothing_is_left_out_and_counted():
    found = figure_over_patients(ASSD, TRIALS)
    assert (found.value, found.counted, found.low) == (2.0, 1, None)


def test_areas_under_the_curve_are_averaged_as_the_others():
    assert figure_over_patients(AUC, TRIALS).value == pytest.approx(0.8)


def test_what_the_model_does_not_find_has_no_figure():
    metric = Metric(name="Dice", structure="liver", volumes="dice")
    assert figure_over_patients(metric, TRIALS).value is None
    assert figure_over_slices(metric, []).value is None


def test_slices_of_all_folds_are_pooled():
    trials = [
        {"lesion": SliceScores(slices=(SliceScore(*counts, None),))} for counts in ((10, 0, 10, 80), (0, 10, 0, 90))
    ]
    found = figure_over_slices(DICE, trials)
    assert (found.value, found.counted) == (50.0, 2)
