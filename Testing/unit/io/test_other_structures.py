"""Files of labels with other structures in them, as other programs of the house read them: liver and lesions alone."""

import numpy as np
import pytest

from LiverTumorSegLib.core.label_layers import LabelLayer, in_one_layer
from LiverTumorSegLib.core.structures import STRUCTURES
from LiverTumorSegLib.datasets.scans import read_labels
from LiverTumorSegLib.evaluation.pairing import EvaluationPair
from LiverTumorSegLib.evaluation.reading import read_pair
from LiverTumorSegLib.io import volumes

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".seg.nrrd")


@pytest.fixture
def layers(small_phantom):
    """Vessels and segments in the liver, and a spleen beside it."""
    labels = small_phantom.labels
    vessels, organs, segments = (np.zeros_like(labels) for _ in range(3))
    vessels[labels == 1], vessels[::2] = 3, 0
    segments[labels > 0] = 12
    organs[:3, :5, :5] = 7
    names = [["liver_vessels"], ["spleen"], ["liver_segment_2"]]
    return [
        LabelLayer(values, tuple(STRUCTURES[name] for name in own))
        for values, own in zip((vessels, organs, segments), names, strict=True)
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_liver_and_lesions_are_read_back_as_they_were(small_phantom, layers, tmp_path, ending):
    path = tmp_path / f"ct{ending}"
    volumes.write_labels(path, small_phantom.labels, small_phantom.volume, layers=layers)
    found, doubt = read_labels(path, small_phantom.volume)
    assert np.array_equal(found, small_phantom.labels)
    assert doubt.startswith(f"ct{ending}: ")


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_evaluation_takes_them_and_says_so(small_phantom, layers, tmp_path, ending):
    volumes.write_labels(tmp_path / f"ct{ending}", small_phantom.labels, small_phantom.volume, layers=layers)
    volumes.write_labels(tmp_path / "truth.nii.gz", small_phantom.labels, small_phantom.volume)
    pair = read_pair(EvaluationPair("ct", "ct", tmp_path / f"ct{ending}", tmp_path / "truth.nii.gz"))
    assert np.array_equal(pair.prediction, pair.reference)
    assert any(sentence.startswith("Prediction: ") for sentence in pair.warnings)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd"])
def test_files_of_one_label_a_voxel_hold_the_values_in_their_stated_order(small_phantom, layers, tmp_path, ending):
    volumes.write_labels(tmp_path / f"ct{ending}", small_phantom.labels, small_phantom.volume, layers=layers)
    stored = volumes.read_stored(tmp_path / f"ct{ending}").values
    assert np.array_equal(stored, in_one_layer(small_phantom.labels, layers))
    assert set(np.unique(stored)) == {0, 2, 3, 7, 12}


@pytest.mark.parametrize("ending", ENDINGS)
def test_without_other_structures_a_file_is_what_it_was(small_phantom, tmp_path, ending):
    for name, more in {"a": {}, "b": {"layers": ()}}.items():
        volumes.write_labels(tmp_path / f"{name}{ending}", small_phantom.labels, small_phantom.volume, **more)
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()
    assert b"LiverTumorSeg_labels" not in (tmp_path / f"a{ending}").read_bytes()
