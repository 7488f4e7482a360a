import numpy as np
import pytest

from LiverTumorSegLib.core.ct_quality import why_not_hounsfield
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.reporting.lesions import measure_lesions

SMALL = {"shape": (24, 80, 90), "spacing": (10.0, 5.0, 4.5)}


def test_equal_arguments_give_equal_voxels_and_another_seed_others():
    first, again, other = phantom.create(**SMALL), phantom.create(**SMALL), phantom.create(**SMALL, seed=1)
    assert np.array_equal(first.volume.voxels, again.volume.voxels)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)


def test_size_and_spacing_are_as_asked_and_odd_sizes_work():
    made = phantom.create((5, 63, 71), (7.0, 4.0, 3.0))
    assert made.volume.voxels.shape == made.labels.shape == (5, 63, 71)
    assert made.volume.spacing == pytest.approx((7.0, 4.0, 3.0))


def test_it_looks_like_a_ct_of_an_abdomen():
    made = phantom.create((36, 128, 128), (6.0, 3.0, 3.0), seed=2)
    assert why_not_hounsfield(made.volume.voxels) is None
    table = measure_lesions(made.labels, made.volume)
    assert 1000 < table.liver_ml < 2500
    assert len(table.lesions) == 4
    assert all(20 < lesion.mean_hu < 90 for lesion in table.lesions)
    liver = made.volume.voxels[made.labels == 1]
    assert 90 < np.median(liver) < 125
    assert np.argwhere(made.labels)[:, 2].mean() < 64  # the patient's right, on the left of the picture


def test_the_body_keeps_its_size_whatever_the_grid():
    volumes = [
        measure_lesions(p.labels, p.volume).liver_ml
        for p in (phantom.create((40, 96, 96), (6.0, 4.0, 4.0)), phantom.create((60, 128, 128), (4.0, 3.0, 3.0)))
    ]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)


def test_lesions_and_noise_can_be_left_out():
    made = phantom.create(**SMALL, lesions=0, noise_hu=0)
    assert set(np.unique(made.labels)) == {0, 1}
    assert len(np.unique(made.volume.voxels[made.labels == 1])) < 80


def test_more_lesions_than_fit_are_refused():
    with pytest.raises(ValueError, match="lesions fit into"):
        phantom.create(**SMALL, lesions=60)
