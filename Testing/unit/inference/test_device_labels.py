from dataclasses import replace

import numpy as np
import pytest
import torch
from support.counted_operations import Counting

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.inference.device_labels import DeviceLabels
from LiverTumorSegLib.inference.label_assembly import Axis, LabelOutput, Span
from LiverTumorSegLib.models.description import Head

HEADS = {3: Head((1, 2), sigmoid=False), 2: Head((1,), sigmoid=False), 1: Head((2,), sigmoid=True)}
ROWS, COLUMNS = Span(5, 25, Axis(47, 47 / 30)), Span(3, 17, Axis(31, 31 / 20))


def empty(head, slices=4):
    shape = (slices, 47, 31)
    return LabelOutput(
        np.zeros(shape, np.uint8), tuple(np.zeros(shape, np.uint16) for _ in head.values), np.zeros(shape, np.uint8)
    )


def logits_of(classes, slices=2, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 3, (slices, classes, 20, 14)).astype(np.float32))


@pytest.mark.parametrize("classes", HEADS)
def test_labels_made_on_a_device_are_those_made_by_the_host(classes):
    head = HEADS[classes]
    ours, theirs = empty(head), empty(head)
    labels = DeviceLabels(ours, head, ROWS, COLUMNS)
    started = [labels.start(first, logits_of(classes, seed=first)) for first in (0, 2)]
    assert [pending.finish() for pending in started] == [2, 4]
    for first in (0, 2):
        theirs.write(first, logits_of(classes, seed=first), head, ROWS, COLUMNS)
    assert np.array_equal(ours.labels, theirs.labels)
    assert len(np.unique(ours.labels)) == len(head.values) + 1
    assert np.array_equal(ours.confidence, theirs.confidence)
    for level, other in zip(ours.probabilities, theirs.probabilities, strict=True):
        assert np.array_equal(level, other)


def test_a_full_probability_survives_its_16_bits():
    out = empty(HEADS[1])
    DeviceLabels(out, HEADS[1], ROWS, COLUMNS).start(0, torch.full((1, 1, 20, 14), 99.0)).finish()
    assert out.probabilities[0].max() == FULL_PROBABILITY


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_told_with_the_labels(number):
    logits = logits_of(3)
    logits[1, 2, 7, 7] = number
    pending = DeviceLabels(empty(HEADS[3]), HEADS[3], ROWS, COLUMNS).start(0, logits)
    with pytest.raises(UserError, match="not finite"):
        pending.finish()


def test_a_batch_waits_for_nothing_and_uploads_nothing_but_the_first():
    """On the meta device tensors have no numbers, so that whatever waits for one fails."""
    labels = DeviceLabels(empty(HEADS[3]), HEADS[3], ROWS, COLUMNS)
    counts = []
    for first in (0, 2):
        with Counting() as counting:
            labels.start(first, torch.empty(2, 3, 20, 14, device="meta"))
        counts.append(counting.seen)
    assert [seen["upload"] for seen in counts] == [6, 0]
    assert sum(counts[1].values()) <= 64  # kernels and views of a batch, with confidence and probabilities


def test_nothing_of_a_batch_is_written_where_its_probabilities_do_not_arrive():
    def fail():
        msg = "CUDA error: unspecified launch failure"
        raise torch.AcceleratorError(msg)

    out = empty(HEADS[3])
    pending = DeviceLabels(out, HEADS[3], ROWS, COLUMNS).start(0, logits_of(3))
    with pytest.raises(torch.AcceleratorError):
        replace(pending, likely=fail).finish()
    assert not out.labels.any()
    assert not out.confidence.any()
