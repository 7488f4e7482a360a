import numpy as np

from LiverTumorSegLib.evaluation.label_pair import STRUCTURES, structure_mask, structure_values


def test_the_liver_is_counted_with_and_without_its_lesions():
    labels = np.array([0, 1, 2], np.uint8)
    assert {name: structure_mask(labels, name).tolist() for name in STRUCTURES} == {
        "liver": [False, True, True],
        "liver_only": [False, True, False],
        "lesion": [False, False, True],
    }


def test_masks_are_those_of_the_values():
    labels = np.arange(3, dtype=np.uint8)
    for name in STRUCTURES:
        assert np.flatnonzero(structure_mask(labels, name)).tolist() == list(structure_values(name))
