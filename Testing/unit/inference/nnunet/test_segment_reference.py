"""Labels beside those that nnunetv2 itself gave, with the same weights, CTs and plans."""

import numpy as np
import pytest
from support import nnunet_reference as reference

from LiverTumorSegLib.core.device import cpu_placement
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.nnunet.export import NnUNetOutput
from LiverTumorSegLib.inference.nnunet.segment import label_volume
from LiverTumorSegLib.inference.segment import SegmentationOptions

SHARE = 0.01
"""Of a CT that a label covers whose Dice is asked for."""


def labelled(name, arithmetic, precision="float32"):
    ct = reference.ct(name)
    out = NnUNetOutput(np.zeros(ct.voxels.shape, np.uint8))
    options = SegmentationOptions(nnunet=arithmetic)
    _, notes = label_volume(out, ct, reference.model(name), cpu_placement(precision=precision), options, Job())
    assert notes == []
    return out.labels


def compare(ours, theirs):
    """The share of voxels that are alike, and the least Dice of a label that covers enough."""
    frequent = [label for label in np.unique(theirs) if (theirs == label).mean() >= SHARE]
    assert len(frequent) > 1
    return (ours == theirs).mean(), min(dice(ours == label, theirs == label) for label in frequent)


@pytest.mark.parametrize("name", reference.names())
def test_exact_labels_are_nnunets(name):
    alike, least = compare(labelled(name, "exact"), reference.labels(name))
    assert alike >= 0.9999
    assert least >= 0.999


@pytest.mark.parametrize("name", ["thick_plan", "slices_two_folds", "regions", "transposed", "around", "linear"])
def test_float32_sums_differ_where_labels_meet_alone(name):
    """Measured by ``make nnunet``: 99.99 % or more in every case."""
    alike, least = compare(labelled(name, "fast"), reference.labels(name))
    assert alike >= 0.9995
    assert least >= 0.998


@pytest.mark.parametrize("name", ["thick_plan", "two_folds", "slices"])
def test_bfloat16_differs_more(name):
    alike, least = compare(labelled(name, "fast", "bfloat16"), reference.labels(name))
    assert alike >= 0.998
    assert least >= 0.99


def test_reference_labels_hold_every_structure():
    for name in ("plain", "thick_plan", "regions"):
        values = set(reference.model(name).description.nnunet.values) | {0}
        assert set(np.unique(reference.labels(name))) == values
