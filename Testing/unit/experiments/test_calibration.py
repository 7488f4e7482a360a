from dataclasses import replace

import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments import calibration
from LiverTumorSegLib.experiments.calibration import calibrate, operating_points, write_into_model
from LiverTumorSegLib.experiments.candidate_cases import CandidateCase, found_by_size
from LiverTumorSegLib.models import model_folder as folders
from LiverTumorSegLib.postprocessing.candidates import MEASURES
from LiverTumorSegLib.postprocessing.lesion_scores import point_for

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'livertumorseg[train]'")
TELLING = MEASURES.index("absolute_contrast_hu")


def case(name, real, measures, *, missed=0):
    """A patient with a candidate of 10 voxels for each entry; a real one is a lesion of its own, some have none."""
    real, count = np.array(real), sum(real)
    touched = np.zeros((len(real), count + missed), bool)
    touched[np.flatnonzero(real), np.arange(count)] = True
    sizes = np.full(len(real), 10)
    return CandidateCase(
        name=name,
        measures=measures,
        sizes=sizes,
        shared=np.where(real, 8, 0),
        ious=np.where(real, 8 / 12, 0.0),
        touched=touched,
        lesion_sizes=np.full(count + missed, 10),
        lesion_classes=("over_20_mm",) * count + ("under_10_mm",) * missed,
        liver_dice=0.95,
        voxel_ml=0.1,
    )


@pytest.fixture
def cases():
    """Twelve patients in whom lesions have a contrast of 30 HU on average, and others 10."""
    random = np.random.default_rng(0)
    made = []
    for number in range(12):
        real = random.random(8) < 0.5
        measures = random.normal(size=(8, len(MEASURES)))
        measures[:, TELLING] = random.normal(np.where(real, 30, 10), 6)
        made.append(case(f"volume-{number}", real.tolist(), measures, missed=number % 3))
    return [*made, case("volume-99", [], np.zeros((0, len(MEASURES))))]


def test_what_tells_lesions_is_found_and_the_rest_counts_little(cases):
    done = calibrate(cases)
    weights = {each.name: each.weight for each in done.scores.measures}
    assert weights["absolute_contrast_hu"] > 1
    assert max(abs(weight) for name, weight in weights.items() if name != "absolute_contrast_hu") < 0.8
    assert done.reliability["brier"] < 0.1
    sure = [
        real
        for level, real in zip(np.concatenate(done.levels), np.concatenate([c.real for c in cases]), strict=True)
        if level > 0.9
    ]
    assert np.mean(sure) > 0.9


def test_a_patients_probabilities_do_not_know_what_they_are(cases):
    before = calibrate(cases).levels[0]
    other = case("volume-0", (~cases[0].real).tolist(), cases[0].measures)
    assert np.array_equal(calibrate([other, *cases[1:]]).levels[0], before)


def test_a_second_scan_of_a_patient_does_not_judge_the_first(cases):
    one, twin = (replace(each, name=name) for each, name in zip(cases, ("volume-28", "3Dircadb1.1"), strict=False))
    before = calibrate([one, twin, *cases[2:]]).levels[0]
    other = case("3Dircadb1.1", (~twin.real).tolist(), twin.measures)
    assert np.array_equal(calibrate([one, other, *cases[2:]]).levels[0], before)


def test_patients_count_alike_however_many_candidates_they_have(cases):
    first = cases[0]
    parts = ("measures", "sizes", "shared", "ious", "touched")
    many = replace(first, **{part: np.concatenate([getattr(first, part)] * 2) for part in parts})
    once, twice = (calibration._fit([each, *cases[1:]]) for each in (first, many))
    for one, other in zip(once.measures, twice.measures, strict=True):
        assert (one.mean, one.scale) == pytest.approx((other.mean, other.scale))
        assert one.weight == pytest.approx(other.weight, rel=0.1)  # the penalty weighs against all candidates


def test_points_are_those_that_thresholds_give():
    cases = [case("a", [True, False, True], np.zeros((3, 10)), missed=1), case("b", [False], np.zeros((1, 10)))]
    levels = [np.array([0.9, 0.7, 0.4]), np.array([0.8])]
    points = operating_points(cases, levels)
    assert [(p.least_probability, p.false_per_patient, round(p.found, 3)) for p in points] == [
        (0.9, 0.0, 0.333),
        (0.8, 0.5, 0.333),
        (0.0, 1.0, 0.667),
    ]


def test_where_the_likeliest_candidate_is_false_the_strictest_point_takes_none():
    cases = [case("a", [False, True], np.zeros((2, 10)))]
    first, *_ = operating_points(cases, [np.array([0.9, 0.4])])
    assert (first.least_probability, first.false_per_patient, first.found) == (1.0, 0.0, 0.0)


def test_sizes_and_dice_are_of_what_is_taken():
    one = case("a", [True, False, True], np.zeros((3, 10)), missed=1)
    taken = np.array([True, True, False])
    assert found_by_size([one], [taken]) == {"under_10_mm": (0, 1), "10_to_20_mm": (0, 0), "over_20_mm": (1, 2)}
    assert one.lesion_dice(taken) == pytest.approx(2 * 8 / (20 + 30))
    assert one.false(taken) == 1
    none = case("b", [False], np.zeros((1, 10)))
    assert (none.lesion_dice(np.array([True])), none.false_ml(np.array([True]))) == (None, 1.0)


def test_too_few_to_learn_from_are_refused(cases):
    with pytest.raises(UserError, match=r"at least 10 of each are needed, so take more patients"):
        calibrate(cases[:3])
    with pytest.raises(UserError, match="are needed"):
        calibrate([])


def test_the_model_gets_scores_and_its_card_says_what_they_are_worth(cases, model_folder):
    done = calibrate(cases)
    write_into_model(model_folder, folders.read_description(model_folder), done, "calibrate it", "Trained shorter.")
    described = folders.load(model_folder).description
    assert described.lesion_scores == done.scores
    figures = described.figures
    assert figures.lesions.false_per_patient == pytest.approx(
        sum(c.false(t) for c, t in zip(cases, done.taken(), strict=True)) / len(cases)
    )
    assert figures.lesions.false_per_patient <= 1
    assert sum(everyone for _, everyone in figures.lesions.by_size.values()) == sum(len(c.lesion_sizes) for c in cases)
    card = (model_folder / "README.md").read_text()
    assert "## Sensitivity" in card
    assert "## How sure it is" in card
    assert f"Brier score {done.reliability['brier']:.3f}" in card
    assert figures.lesions.in_words in card
    assert "Trained shorter." in card
    assert card.count("`calibrate it`") == 3


def test_the_probability_of_the_usual_point_is_that_of_one_false_lesion_a_patient(cases):
    done = calibrate(cases)
    least = point_for(done.scores.points, 1.0).least_probability
    false = sum(case.false(level >= least) for case, level in zip(cases, done.levels, strict=True)) / len(cases)
    assert false <= 1


def test_reliability_counts_every_candidate_once(cases):
    done = calibrate(cases)
    assert sum(each["lesions"] for each in done.reliability["bins"]) == sum(len(level) for level in done.levels)


def test_a_false_candidate_that_is_as_sure_as_can_be_leaves_a_point_without_false_lesions():
    sure = case("volume-1", [True, False], np.zeros((2, len(MEASURES))))
    points = operating_points([sure], [np.array([0.5, 1.0])])
    assert (points[0].false_per_patient, points[0].found) == (0, 0)
    assert points[-1].false_per_patient == 1
