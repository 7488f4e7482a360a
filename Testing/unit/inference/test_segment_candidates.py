"""Segmenting with a model that says how likely each lesion is one."""

from dataclasses import replace

import numpy as np
import pytest
from support.lesion_scores import POINTS, by_size, model_with_scores

import LiverTumorSegLib as lts
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.models import model_folder as folders
from LiverTumorSegLib.postprocessing.candidates import MEASURES

VOLUME = MEASURES.index("log_volume_ml")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return folders.load(model_with_scores(tmp_path_factory.mktemp("models")))


def without(model):
    return replace(model, description=model.description.model_copy(update={"lesion_scores": None}))


def of(model, sensitivity):
    steps = model.description.postprocessing.model_copy(update={"sensitivity": sensitivity})
    return SegmentationOptions(postprocessing=steps)


def test_the_lesions_are_the_candidates_that_the_sensitivity_takes(scored, small_phantom):
    volume = small_phantom.volume
    plain = segment(volume, without(scored), "cpu", options=SegmentationOptions(candidates=True))
    likely = by_size().probabilities(plain.candidates.measures)
    assert plain.choice is None
    for point in POINTS:
        done = segment(volume, scored, "cpu", options=of(scored, point.false_per_patient))
        taken = np.flatnonzero(likely >= point.least_probability) + 1
        numbers = np.zeros(volume.voxels.shape, np.int32)
        volume.axial.of(numbers)[plain.candidates.box] = plain.candidates.numbers
        assert np.array_equal(done.labels == 2, np.isin(numbers, taken))
        assert np.array_equal(done.labels > 0, plain.labels > 0)


def test_the_table_says_how_likely_each_lesion_is(scored, small_phantom):
    result = lts.segment(small_phantom.volume, scored, device="cpu", options=of(scored, 5))
    assert result.lesions.lesions
    for lesion in result.lesions.lesions:
        assert lesion.probability == pytest.approx(lesion.volume_ml / (1 + lesion.volume_ml), abs=0.01)
    plain = lts.segment(small_phantom.volume, without(scored), device="cpu")
    assert {lesion.probability for lesion in plain.lesions.lesions} == {None}


def test_a_region_has_the_candidates_inside_it(scored, small_phantom):
    inside = np.zeros(small_phantom.labels.shape, bool)
    inside[:, :, : inside.shape[2] // 2] = True
    found = lts.segment(small_phantom.volume, scored, device="cpu", inside=inside, options=of(scored, 5)).segmentation
    assert inside.reshape(-1)[found.choice.voxels].all()
    again = found.labels.copy()
    assert found.choice.shape == again.shape
    found.choice.choose(again, 5)
    assert np.array_equal(again, found.labels)


def test_any_flip_gives_the_same_lesions(scored, small_phantom):
    volume = small_phantom.volume
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = volume.voxels.shape[2] - 1
    other = Volume(np.ascontiguousarray(volume.voxels[:, :, ::-1]), volume.affine @ flip)
    first, second = (lts.segment(each, scored, device="cpu", options=of(scored, 1)) for each in (volume, other))
    assert np.array_equal(first.labels, second.labels[:, :, ::-1])
    assert [x.probability for x in first.lesions.lesions] == pytest.approx(
        [x.probability for x in second.lesions.lesions]
    )
