from types import SimpleNamespace

import numpy as np
import pytest
from support.models import Thresholds, describe
from support.training_cases import make_volumes

from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.models.description import WeightsFile
from LiverTumorSegLib.models.model_folder import Model

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import volume_auc as module
from LiverTumorSegLib.experiments.reproduction.volume_auc import FILE, volume_auc
from LiverTumorSegLib.experiments.run_options import RunOptions

SOURCE = VolumeSource(volumes="LITS")


@pytest.fixture
def asked(monkeypatch):
    """A segmentation that is sure of dark voxels, and half sure of those that are hardly brighter."""
    asked = []

    def segment(volume, *_given, options, **_named):
        asked.append(options)
        dark = (volume.voxels < 60).astype(np.uint16) + (volume.voxels < 90)
        return SimpleNamespace(probabilities={"lesion": (dark * (FULL_PROBABILITY // 2)).astype(np.uint16)})

    monkeypatch.setattr(module.model_folder, "load", lambda _folder: Model(describe(), Thresholds()))
    monkeypatch.setattr(module, "segment", segment)
    return asked


def measured(root, names=("volume-0",), reference="a", **options):
    return volume_auc(root, "lesion", (SOURCE,), root, dict.fromkeys(names, reference), RunOptions("cpu", **options))


def test_it_is_the_share_of_voxel_pairs_in_the_right_order_over_the_whole_ct(tmp_path, asked):
    make_volumes(tmp_path, (0,))
    made = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=0)
    sure = (made.volume.voxels < 60) * 1 + (made.volume.voxels < 90)
    inside, outside = sure[made.labels == 2], sure[made.labels != 2]
    right = [(outside < one).mean() + (outside == one).mean() / 2 for one in inside]
    assert measured(tmp_path)["volume-0"] == pytest.approx(np.mean(right))
    assert (asked[0].coarse_pass, asked[0].probabilities) == (False, True)


def test_it_is_measured_once_for_the_same_weights_and_patients(tmp_path, asked):
    make_volumes(tmp_path, (0, 1))
    assert measured(tmp_path) == measured(tmp_path)
    assert len(asked) == 1
    assert measured(tmp_path, ("volume-0", "volume-1")).keys() == {"volume-0", "volume-1"}
    (tmp_path / FILE).write_text("{")
    measured(tmp_path)
    assert len(asked) == 3


def test_what_is_measured_before_the_user_stops_stays(tmp_path, asked):
    make_volumes(tmp_path, (0, 1))
    both, cancel = ("volume-0", "volume-1"), CancelToken()
    with pytest.raises(Cancelled):
        measured(tmp_path, both, job=Job(lambda *_: cancel.cancel(), cancel))
    assert len(asked) == 1
    assert measured(tmp_path, both).keys() == set(both)
    assert len(asked) == 2


def test_another_reference_or_other_weights_are_measured_anew(tmp_path, asked, monkeypatch):
    make_volumes(tmp_path, (0,))
    measured(tmp_path)
    measured(tmp_path, reference="b")
    assert len(asked) == 2
    other = describe(weights=WeightsFile(sha256="1" * 64, bytes=1))
    monkeypatch.setattr(module.model_folder, "load", lambda _folder: Model(other, Thresholds()))
    measured(tmp_path, reference="b")
    assert len(asked) == 3
