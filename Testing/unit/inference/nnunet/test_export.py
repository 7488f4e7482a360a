import numpy as np
import pytest
import torch
from support.nnunet_models import settings_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_CONFIDENCE, FULL_PROBABILITY
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.inference.nnunet import export as exporting
from LiverTumorSegLib.inference.nnunet.export import NnUNetOutput, choose_labels, export
from LiverTumorSegLib.inference.nnunet.prediction import ARITHMETICS
from LiverTumorSegLib.inference.nnunet.preprocessing import Layout
from LiverTumorSegLib.inference.nnunet.resampling import find_way
from LiverTumorSegLib.models.nnunet.settings import Resampling

CPU, SHAPE, GRID = torch.device("cpu"), (23, 30, 28), (19, 24, 33)
OUTPUTS = ("background", "lesion", "liver", "", "spleen")
REGIONS = {"outputs": ("liver", "lesion"), "regions": True, "order": (0, 1)}


def settings(**changes):
    return settings_of(**({"outputs": OUTPUTS} | changes))


def logits_of(classes, seed=0, outside=8.0):
    """Logits of blobs in the middle, with background around them."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.normal(0, 4, (1, classes, 5, 6, 8)).astype(np.float32))
    values = torch.nn.functional.interpolate(coarse, GRID, mode="trilinear")[0]
    far = torch.ones(GRID, dtype=torch.bool)
    far[3:15, 6:18, 8:27] = False
    values[0, far] += outside
    return values.half()


def layout(spacing=(2.0, 1.5, 1.5), plan=(2.4, 1.9, 1.3)):
    return Layout(-np.inf, tuple(slice(0, n) for n in SHAPE), spacing, plan)


def written(chosen, logits, arithmetic="exact", *, likely=(), confidence=False, lies=None, task=None):
    out = NnUNetOutput(
        np.zeros(SHAPE, np.uint8),
        {name: np.zeros(SHAPE, np.uint16) for name in likely},
        np.zeros(SHAPE, np.uint8) if confidence else None,
    )
    export(out, logits, lies or layout(), chosen, ARITHMETICS[arithmetic], CPU, task or Job())
    return out


def whole(chosen, logits, lies, rounded=torch.float16):
    """Logits on the grid of the CT, all at once."""
    way = find_way(chosen.logits, GRID, SHAPE, lies.plan_mm, lies.spacing_mm)
    return way(logits.double()).to(rounded)


@pytest.mark.parametrize("spacing", [(2.0, 1.5, 1.5), (5.0, 1.5, 1.5), (2.0, 7.0, 1.5), (1.0, 1.0, 4.0)])
@pytest.mark.parametrize("order", [1, 3])
def test_a_few_slices_at_a_time_are_labelled_as_the_whole_is(monkeypatch, spacing, order):
    chosen, logits = settings(logits=Resampling(method="spline", order=order)), logits_of(5)
    lies = layout(spacing)
    values = whole(chosen, logits, lies)
    wanted = np.array(chosen.values)[values.argmax(dim=0).numpy()]
    monkeypatch.setitem(exporting._BYTES, "cpu", 4 * 5 * 4 * 30 * 33)
    out = written(chosen, logits, lies=lies)
    assert np.array_equal(out.labels, wanted)
    assert set(np.unique(out.labels)) == {0, 1, 2, 7}


def test_float32_differs_at_ties_alone():
    chosen, logits = settings(), logits_of(5)
    exact, fast = (written(chosen, logits, name).labels for name in ("exact", "fast"))
    assert (exact != fast).mean() < 0.001


def test_of_equal_logits_the_first_counts():
    values = torch.tensor([[1.0, 1, 0], [1, 2, 3], [0, 2, 3]]).half()[:, :, None, None]
    chosen = settings(outputs=("background", "lesion", "liver"))
    assert choose_labels(values, chosen).flatten().tolist() == [0, 2, 2]


def test_regions_are_written_in_their_order_where_they_are_likely():
    values = torch.tensor([[-1.0, 1, 1, -1, 0], [-1, -1, 1, 1, 0]])[:, :, None, None]
    assert choose_labels(values, settings(**REGIONS)).flatten().tolist() == [0, 1, 2, 2, 0]
    other = settings(**REGIONS | {"order": (1, 0)})
    assert choose_labels(values, other).flatten().tolist() == [0, 1, 1, 2, 0]


def test_regions_are_labelled_as_the_whole_is():
    chosen, logits, lies = settings(**REGIONS), logits_of(2), layout()
    logits[1][logits[0] > 5] = -9
    values = whole(chosen, logits, lies)
    wanted = np.where(values[1] > 0, 2, np.where(values[0] > 0, 1, 0))
    assert np.array_equal(written(chosen, logits, lies=lies).labels, wanted)


def test_where_only_background_is_nothing_is_written():
    logits = logits_of(5)
    logits[0] = 20
    assert not written(settings(), logits).labels.any()


def test_probabilities_of_the_liver_hold_those_of_its_lesions():
    chosen, logits, lies = settings(), logits_of(5), layout()
    out = written(chosen, logits, "fast", likely=("liver", "lesion"), lies=lies)
    shares = whole(chosen, logits, lies, torch.float64).softmax(dim=0).numpy() * FULL_PROBABILITY
    assert np.abs(out.probabilities["lesion"] - shares[1]).max() <= 1
    assert np.abs(out.probabilities["liver"] - shares[1] - shares[2]).max() <= 1
    assert np.array_equal(out.labels, written(chosen, logits, "fast", lies=lies).labels)


def test_probabilities_of_regions_are_each_its_own():
    chosen, logits, lies = settings(**REGIONS), logits_of(2), layout()
    out = written(chosen, logits, "fast", likely=("liver", "lesion"), lies=lies)
    shares = whole(chosen, logits, lies, torch.float64).sigmoid().numpy() * FULL_PROBABILITY
    assert np.abs(out.probabilities["lesion"] - shares[1]).max() <= 1
    assert np.abs(out.probabilities["liver"] - shares.max(axis=0)).max() <= 1


def test_kinds_of_lesions_are_likely_together():
    chosen, logits, lies = settings(outputs=("background", "lesion", "liver", "lesion")), logits_of(4), layout()
    out = written(chosen, logits, "fast", likely=("lesion",), lies=lies)
    shares = whole(chosen, logits, lies, torch.float64).softmax(dim=0).numpy() * FULL_PROBABILITY
    assert np.abs(out.probabilities["lesion"] - shares[1] - shares[3]).max() <= 1


def test_confidence_is_of_lesions_and_of_what_may_be_one():
    chosen, logits, lies = settings(), logits_of(5), layout()
    out = written(chosen, logits, "fast", confidence=True, lies=lies)
    likely = whole(chosen, logits, lies, torch.float64).softmax(dim=0).numpy()[1]
    kept = (out.labels == 2) | (likely >= 0.2)
    assert np.abs(out.confidence - likely * FULL_CONFIDENCE)[kept].max() <= 0.51
    assert not out.confidence[~kept].any()
    assert 0.2 * FULL_CONFIDENCE <= out.confidence[kept].min() < 0.5 * FULL_CONFIDENCE


def test_logits_that_cannot_come_back_are_refused():
    with pytest.raises(UserError, match="resampling_fn_probabilities"):
        written(settings(logits=Resampling(method="none")), logits_of(5))


def test_it_can_be_cancelled_between_slices(monkeypatch):
    monkeypatch.setitem(exporting._BYTES, "cpu", 1)
    told, cancel = [], CancelToken()

    def progress(fraction, sentence):
        told.append(fraction)
        if len(told) == 3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        written(settings(), logits_of(5), task=Job(progress, cancel))
    assert told == [0, 1 / 23, 2 / 23]
