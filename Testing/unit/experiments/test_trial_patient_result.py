import numpy as np
import pytest
from support.experiment_cases import result
from support.models import KEEP_ALL, Thresholds, describe
from support.training_cases import make_volumes

from LiverTumorSegLib.datasets import sources
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.experiments import trial
from LiverTumorSegLib.experiments.trial import Measuring, PatientResult, measure_patient
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.models.model_folder import Model

CTS = VolumeSource(volumes="LITS")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_volumes(tmp_path_factory.mktemp("data"), numbers=(0,))


def test_a_patient_is_measured_by_what_a_user_would_get(data, thresholds):
    volume, reference = sources.read(CTS, data, "volume-0")
    found = segment(volume, thresholds, "cpu").labels
    measured = measure_patient(thresholds, CTS, data, "volume-0", device="cpu")
    for name, least in (("liver", 1), ("lesion", 2)):
        ours, theirs = found >= least, reference >= least
        dice = 2 * np.count_nonzero(ours & theirs) / (np.count_nonzero(ours) + np.count_nonzero(theirs))
        assert getattr(measured, f"{name}_dice") == pytest.approx(dice)
    assert measured.lesion["reference_ml"] == pytest.approx(np.count_nonzero(reference == 2) * volume.voxel_ml)
    assert measured.confusion[2][1] == np.count_nonzero((reference == 2) & (found == 1))
    assert measured.device.startswith("cpu, ")
    assert measured.seconds > 0


def test_a_stored_result_reads_as_it_was(data, thresholds):
    measured = measure_patient(thresholds, CTS, data, "volume-0", device="cpu")
    assert PatientResult.model_validate_json(measured.model_dump_json()) == measured


def test_labels_that_join_lesions_to_the_liver_measure_the_liver_alone(data, thresholds):
    apart = measure_patient(thresholds, CTS, data, "volume-0", device="cpu")
    joined = measure_patient(
        thresholds, CTS.model_copy(update={"lesions_apart": False}), data, "volume-0", device="cpu"
    )
    assert joined.liver_dice == apart.liver_dice
    figures = (joined.lesion_dice, joined.lesion_assd_mm, joined.false_lesion_ml, joined.detection, joined.touched)
    assert figures == (None,) * 5


def test_a_model_for_the_liver_alone_has_no_figures_of_lesions(data):
    spec = describe().network.model_copy(update={"classes": 2})
    trained = Model(describe(network=spec, labels=("background", "liver"), postprocessing=KEEP_ALL), _LiverAlone())
    measured = measure_patient(trained, CTS, data, "volume-0", device="cpu")
    assert measured.liver_dice > 0
    assert (measured.lesion_dice, measured.false_lesion_ml, measured.detection) == (None, None, None)


class _LiverAlone(Thresholds):
    def __init__(self):
        super().__init__()
        self.classes = 2

    def logits(self, slices):
        return super().logits(slices)[:, :2]


def test_without_lesions_in_the_reference_there_is_no_dice_but_a_false_volume():
    free = result("a", lesion=None, false_ml=3.5)
    assert (free.lesion_dice, free.lesion_assd_mm, free.false_lesion_ml) == (None, None, 3.5)
    marked = result("a", lesion=0.0, false_ml=3.5)
    assert (marked.lesion_dice, marked.false_lesion_ml) == (0.0, None)


def test_without_liver_in_the_reference_there_is_no_dice():
    without = result("a")
    liver = without.liver | {"reference_ml": 0.0}
    assert without.model_copy(update={"liver": liver}).liver_dice is None


def test_labels_and_probabilities_are_measured_of_one_segmentation(data, thresholds, monkeypatch):
    """Thresholds rank voxels by their HU, so that the area is the share of pairs in the right order of HU."""
    asked = []

    def counted(*given, options, **named):
        asked.append(options)
        return segment(*given, options=options, **named)

    monkeypatch.setattr(trial, "segment", counted)
    whole = Measuring(coarse_pass=False, curves=("lesion",))
    measured = measure_patient(thresholds, CTS, data, "volume-0", measuring=whole, device="cpu")
    (options,) = asked
    assert (options.coarse_pass, options.probabilities) == (False, True)
    volume, reference = sources.read(CTS, data, "volume-0")
    done = segment(volume, thresholds, "cpu", options=options)
    likely = done.probabilities["lesion"]
    inside, outside = likely[reference == 2].astype(float), likely[reference != 2].astype(float)
    right = np.mean([(outside < one).mean() + (outside == one).mean() / 2 for one in inside])
    assert measured.auc == {"lesion": pytest.approx(right, abs=1e-3)}
    ours, theirs = done.labels == 2, reference == 2
    dice = 2 * np.count_nonzero(ours & theirs) / (np.count_nonzero(ours) + np.count_nonzero(theirs))
    assert measured.lesion["dice"] == pytest.approx(dice)


def test_as_users_segment_no_probabilities_are_kept_and_a_coarse_pass_is_made(data, thresholds):
    assert (Measuring().options.coarse_pass, Measuring().options.probabilities) == (True, False)
    assert measure_patient(thresholds, CTS, data, "volume-0", device="cpu").auc == {}
