import numpy as np
import pytest
import torch
from support.models import Thresholds, describe
from support.training_cases import patient

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.experiments.reproduction.slice_metrics import compute_metric, measure_slices
from LiverTumorSegLib.experiments.reproduction.systems import Metric
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.networks import SliceNetwork

METRICS = (
    Metric(name="Dice", structure="liver", slices="shown_assd_px", volumes="dice"),
    Metric(name="AUC", structure="lesion", slices="auc", volumes="dice"),
)


class Sigmoid(SliceNetwork):
    """A lesion where the pixel is above a half."""

    def __init__(self):
        super().__init__(1, 1)

    def logits(self, slices):
        return (slices - 0.5) * 8


@pytest.fixture
def people():
    """Two patients of slices 32 pixels wide; grey follows from the labels, with one false lesion."""
    labels = np.zeros((5, 32, 32), np.uint8)
    labels[1:4, 8:20, 8:20] = 1
    labels[2, 10:14, 10:14] = 2
    grey = np.array([0.0, 0.7, 1.0])[labels]
    grey[1, 8:10, 8:10] = 1.0
    return [patient(labels, grey, "a"), patient(labels[1:3], grey[1:3], "b")]


def run(trained, people, shown="all", metrics=METRICS, job=None):
    return measure_slices(trained, people, metrics, shown, device="cpu", job=job or Job())


def test_each_slice_of_each_patient_is_counted_by_structure(people):
    found = run(Model(describe(), Thresholds()), people)
    assert [one.counts.fp for one in found["lesion"].slices] == [0, 4, 0, 0, 0, 4, 0]
    assert [one.tp for one in found["lesion"].slices] == [0, 0, 16, 0, 0, 0, 16]
    assert [one.tp for one in found["liver"].slices] == [0, 144, 144, 144, 0, 144, 144]
    assert all(sum(one.counts.__dict__.values()) == 32 * 32 for each in found.values() for one in each.slices)


def test_distances_and_probabilities_are_counted_only_where_they_are_asked_for(people):
    found = run(Model(describe(), Thresholds()), people)
    assert [one.assd_px for one in found["liver"].slices] == [None, 0, 0, 0, None, 0, 0]
    assert {one.assd_px for one in found["lesion"].slices} == {None}
    assert found["liver"].histogram is None
    assert sum(found["lesion"].inside) == 32
    assert sum(found["lesion"].inside) + sum(found["lesion"].outside) == 7 * 32 * 32


def test_a_tie_of_probabilities_counts_half(people):
    """Of 7 * 1024 - 32 pixels outside 8 are as likely as the 32 inside, all others less likely."""
    found = run(Model(describe(), Thresholds()), people)
    assert compute_metric("auc", [found["lesion"]]).value == pytest.approx(1 - 4 / (7 * 1024 - 32))


def test_slices_that_do_not_show_it_are_left_out(people):
    found = run(Model(describe(), Thresholds()), people, shown="liver")
    assert len(found["liver"].slices) == 5


def test_a_sigmoid_for_lesions_alone(people):
    trained = Model(
        describe(labels=("background", "lesion"), network=describe().network.model_copy(update={"classes": 1})),
        Sigmoid(),
    )
    found = run(trained, people, metrics=METRICS[1:])
    assert list(found) == ["lesion"]
    assert [one.tp + one.fp for one in found["lesion"].slices] == [0, 144, 144, 144, 0, 144, 144]
    likely = torch.tensor(4.0).sigmoid()
    level = round(float(likely) * 4096)
    assert found["lesion"].inside[level] == 32


def test_measuring_can_be_stopped(people):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(Model(describe(), Thresholds()), people, job=Job(cancel=cancel))
