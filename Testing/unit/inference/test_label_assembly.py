import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_CONFIDENCE, FULL_PROBABILITY
from LiverTumorSegLib.inference.label_assembly import Axis, LabelOutput, Span, write_labels, write_probabilities
from LiverTumorSegLib.models.description import Head
from LiverTumorSegLib.postprocessing.candidates import LEAST_PROBABILITY

JOINT = Head((1, 2))


def whole(*sizes):
    return [Span(0, n, Axis(n, 1.0)) for n in sizes]


def written(logits, head, *spans, size=None):
    out = np.zeros((len(logits), *(size or logits.shape[2:])), np.uint8)
    write_labels(out, logits, head, *(spans or whole(*logits.shape[2:])))
    return out


def test_the_largest_logit_decides():
    logits = torch.tensor([[3.0, 0, 0, 1], [2.0, 1, 0, 2], [1.0, 2, -1, 2]]).reshape(1, 3, 1, 4)
    assert written(logits, JOINT).tolist() == [[[0, 2, 0, 1]]]


def test_with_two_classes_the_one_label_has_its_own_value():
    logits = torch.tensor([[0.0, 0], [1.0, -1]]).reshape(1, 2, 1, 2)
    assert written(logits, Head((2,))).tolist() == [[[2, 0]]]


def test_a_single_channel_is_a_label_from_half_of_the_probability_on():
    logits = torch.logit(torch.tensor([0.4, 0.49, 0.51, 0.9])).reshape(1, 1, 1, 4)
    assert written(logits, Head((1,), sigmoid=True)).tolist() == [[[0, 0, 1, 1]]]
    assert written(logits, Head((2,), sigmoid=True)).tolist() == [[[0, 0, 2, 2]]]


@given(
    own=st.integers(1, 60),
    prepared=st.integers(1, 60),
    origin=st.floats(0, 5),
    seed=st.integers(0, 100),
)
def test_interpolation_is_numpys_between_pixel_centres(own, prepared, origin, seed):
    values = np.random.default_rng(seed).normal(size=prepared).astype(np.float32)
    step = own / prepared
    span = Span(0, prepared, Axis(own, step, origin))
    voxels = np.arange(span.begin, span.end)
    centres = origin + (np.arange(prepared) + 0.5) * step
    expected = np.interp(voxels + 0.5, centres, values)
    found = span.interpolate(torch.from_numpy(values)[None], 1)[0].numpy()
    assert found == pytest.approx(expected, abs=1e-4)
    assert all(origin - 1 <= v + 0.5 <= origin + own + 1 for v in voxels)


@given(own=st.integers(1, 40), prepared=st.integers(1, 40), seed=st.integers(0, 1000))
def test_looking_only_around_positive_pixels_loses_no_voxel(own, prepared, seed):
    logits = torch.from_numpy(np.random.default_rng(seed).normal(-1, 1, (1, 1, 1, prepared)).astype(np.float32))
    columns = Span(0, prepared, Axis(own, own / prepared))
    everywhere = columns.interpolate(logits, 3)[0, 0, 0].numpy()
    found = written(logits, Head((1,), sigmoid=True), *whole(1), columns, size=(1, own))
    assert found[0, 0, columns.begin : columns.end].tolist() == (everywhere > 0).tolist()


def test_a_crop_writes_where_it_was_cut_out():
    logits = torch.full((1, 1, 4, 6), 1.0)
    rows, columns = Span(0, 4, Axis(20, 1.0, 5.0)), Span(0, 6, Axis(30, 2.0, 10.0))
    out = written(logits, Head((1,), sigmoid=True), rows, columns, size=(20, 30))
    assert np.argwhere(out[0]).min(axis=0).tolist() == [5, 10]
    assert np.argwhere(out[0]).max(axis=0).tolist() == [8, 21]
    assert out.sum() == 4 * 12


def test_a_crop_that_reaches_over_the_volume_is_cut_at_its_end():
    out = written(torch.ones(1, 1, 4, 4), Head((1,), sigmoid=True), *[Span(0, 4, Axis(6, 2.0))] * 2, size=(6, 6))
    assert out.all()


def test_a_part_of_the_pixels_gives_the_voxels_of_that_part():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 30, 20)
    axes = Axis(47, 47 / 30), Axis(31, 31 / 20)
    full = written(logits, JOINT, Span(0, 30, axes[0]), Span(0, 20, axes[1]), size=(47, 31))
    part = written(logits[..., 5:25, 3:17], JOINT, Span(5, 25, axes[0]), Span(3, 17, axes[1]), size=(47, 31))
    inner = np.s_[:, 10:36, 7:24]
    assert np.array_equal(full[inner], part[inner])


def test_nothing_is_written_where_the_background_wins():
    assert not written(torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1).expand(2, 3, 5, 5), JOINT).any()


def likely(logits, head, *spans, size=None):
    out = [np.zeros((len(logits), *(size or logits.shape[2:])), np.uint16) for _ in head.values]
    write_probabilities(out, logits, head, *(spans or whole(*logits.shape[2:])))
    return [levels / FULL_PROBABILITY for levels in out]


def test_the_livers_probability_is_that_of_both_labels_and_the_lesions_their_own():
    logits = torch.tensor([1.0, 3.0, 2.0]).reshape(1, 3, 1, 1)
    background, _, lesion = np.exp([1, 3, 2]) / np.exp([1, 3, 2]).sum()
    found = likely(logits, JOINT)
    assert found[0].item() == pytest.approx(1 - background, abs=1 / FULL_PROBABILITY)
    assert found[1].item() == pytest.approx(lesion, abs=1 / FULL_PROBABILITY)


@pytest.mark.parametrize("value", [1, 2])
def test_a_single_channel_has_the_sigmoids_probability(value):
    expected = np.array([[1e-9, 1e-3, 0.4, 0.5, 0.9, 1 - 1e-9]])
    logits = torch.logit(torch.from_numpy(expected)).reshape(1, 1, 1, 6)
    (found,) = likely(logits, Head((value,), sigmoid=True))
    assert found[0] == pytest.approx(expected, abs=1 / FULL_PROBABILITY)
    assert found[0, 0, [0, 5]].tolist() == [0, 1]


def test_one_label_beside_a_background_has_its_share_of_the_two():
    (found,) = likely(torch.tensor([0.5, 1.5]).reshape(1, 2, 1, 1), Head((2,)))
    assert found.item() == pytest.approx(1 / (1 + np.exp(-1)), abs=1 / FULL_PROBABILITY)


def most_likely(liver, lesion):
    """Label by the written probabilities, and by how much it wins."""
    shares = np.stack([1 - liver, liver - lesion, lesion])
    first, second = np.sort(shares, axis=0)[:-3:-1]
    return shares.argmax(axis=0), first - second


@pytest.mark.parametrize("scale", [0.3, 1, 10])
def test_the_likeliest_label_is_the_one_written(scale):
    torch.manual_seed(1)
    logits = torch.randn(3, 3, 24, 17) * scale
    spans = Span(0, 24, Axis(41, 41 / 24)), Span(0, 17, Axis(30, 1.5, 2.0))
    labels = written(logits, JOINT, *spans, size=(41, 30))
    found, margin = most_likely(*likely(logits, JOINT, *spans, size=(41, 30)))
    clear = margin > 3 / FULL_PROBABILITY
    clear &= np.arange(30) >= spans[1].begin
    clear &= np.arange(30) < spans[1].end
    assert clear.mean() > 0.8
    assert np.array_equal(found[clear], labels[clear])


def test_probabilities_are_written_where_the_pixels_lie_and_nowhere_else():
    rows, columns = Span(0, 4, Axis(20, 1.0, 5.0)), Span(0, 6, Axis(30, 2.0, 10.0))
    (found,) = likely(torch.full((2, 1, 4, 6), -1.0), Head((1,), sigmoid=True), rows, columns, size=(20, 30))
    assert np.argwhere(found).min(axis=0).tolist() == [0, 5, 10]
    assert np.argwhere(found).max(axis=0).tolist() == [1, 8, 21]
    assert np.count_nonzero(found) == 2 * 4 * 12


def test_an_output_writes_slices_from_the_first_on_and_probabilities_where_asked_for():
    out = LabelOutput(np.zeros((5, 2, 2), np.uint8), (np.zeros((5, 2, 2), np.uint16),))
    without = LabelOutput(np.zeros((5, 2, 2), np.uint8))
    for each in (out, without):
        each.write(2, torch.ones(2, 1, 2, 2), Head((1,), sigmoid=True), *whole(2, 2))
        assert each.labels.any(axis=(1, 2)).tolist() == [False, False, True, True, False]
    assert out.probabilities[0].any(axis=(1, 2)).tolist() == [False, False, True, True, False]


def test_how_sure_the_network_is_of_lesions_is_written_where_they_are_or_may_be_and_nowhere_else():
    torch.manual_seed(0)
    logits, head = torch.randn(3, 3, 4, 4), Head((1, 2))
    spans = (Span(0, 4, Axis(12, 2.0, 2.0)), Span(0, 4, Axis(9, 2.0, 0.0)))
    shape = (5, 12, 9)
    levels = (np.zeros(shape, np.uint16), np.zeros(shape, np.uint16))
    out = LabelOutput(np.zeros(shape, np.uint8), levels, np.zeros(shape, np.uint8))
    out.write(1, logits, head, *spans)
    likely = levels[1] / FULL_PROBABILITY
    marked, possible = out.labels == 2, likely > LEAST_PROBABILITY + 0.003
    assert marked.any()
    assert (possible & (out.labels == 1)).any()
    assert not out.confidence[likely < LEAST_PROBABILITY - 0.003].any()
    for where in (marked, possible & (out.labels > 0)):
        assert np.allclose(out.confidence[where] / FULL_CONFIDENCE, likely[where], atol=0.003)


def test_a_network_without_lesions_is_sure_of_none():
    out = LabelOutput(np.zeros((1, 2, 2), np.uint8), (), np.zeros((1, 2, 2), np.uint8))
    out.write(0, torch.ones(1, 1, 2, 2), Head((1,), sigmoid=True), *whole(2, 2))
    assert out.labels.all()
    assert not out.confidence.any()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_logits_that_are_not_finite_are_refused_and_not_called_background(number):
    logits = torch.zeros(1, 3, 4, 4)
    logits[0, :, 2, 2] = float(number)
    whole = Span(0, 4, Axis(4, 1.0))
    out = LabelOutput(np.zeros((1, 4, 4), np.uint8))
    with pytest.raises(UserError, match="The model answers with numbers that are not finite"):
        out.write(0, logits, Head((1, 2)), whole, whole)
