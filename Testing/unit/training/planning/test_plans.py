"""Plans beside those of nnU-Net's own planner, which Testing/reference/nnunet/plans.py had it make."""

import json

import numpy as np
import pytest
from support.planning_cases import SIZES, made_sizes
from support.repository import ROOT

from LiverTumorSegLib.training.planning.fingerprint import CaseFacts, Fingerprint, Intensities
from LiverTumorSegLib.training.planning.plans import plan, target_spacing

REFERENCE = ROOT / "Testing" / "reference" / "nnunet" / "plans"
NONE = Intensities(0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("name", SIZES)
def test_plans_for_sizes_and_spacings_are_nnu_nets_own(name):
    theirs, sizes = json.loads((REFERENCE / "sizes.json").read_text())[name], made_sizes(name)
    cases = [
        CaseFacts(str(number), tuple(shape), tuple(spacing), 1.0, (0, 1, 2), 0.5)
        for number, (shape, spacing) in enumerate(zip(sizes.shapes, sizes.spacings, strict=True))
    ]
    labels = ("background", "liver", "lesion")[: sizes.classes]
    ours = plan(Fingerprint(tuple(cases), NONE, labels), sizes.memory).to_json(theirs["dataset_name"])
    for content in (ours, theirs):
        del content["foreground_intensity_properties_per_channel"]
    assert ours == theirs
    assert list(ours["configurations"]) == list(theirs["configurations"])


def test_the_median_spacing_is_the_target():
    spacings = np.array([[2.0, 0.7, 0.7], [2.5, 0.8, 0.8], [3.0, 0.9, 0.9]])
    assert target_spacing(spacings, np.full((3, 3), 100)).tolist() == [2.5, 0.8, 0.8]


@pytest.mark.parametrize(
    ("slices_mm", "slices", "expected"),
    [
        ((5.0, 5.0, 1.0), 20, 1.8),  # the finest tenth
        ((5.0, 5.0, 0.2), 20, 1.16),
        ((5.0, 5.0, -0.7), 20, 0.80001),  # which would be finer than rows and columns
        ((5.0, 5.0, 1.0), 60, 5.0),  # as many slices as a third of the rows
        ((2.3, 2.3, 1.0), 20, 2.3),  # less than three times the rows' millimetres
    ],
)
def test_thick_and_few_slices_are_brought_to_the_finest_tenth(slices_mm, slices, expected):
    spacings = np.array([[mm, 0.8, 0.8] for mm in slices_mm])
    shapes = np.array([[slices, 150, 150]] * 3)
    assert target_spacing(spacings, shapes).tolist() == pytest.approx([expected, 0.8, 0.8])
