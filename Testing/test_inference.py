import dataclasses
import threading

import numpy as np
import pytest
import torch
from conftest import KEEP_ALL, Thresholds, describe, reordered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from LiverTumorSegLib import device, inference, model, model_store
from LiverTumorSegLib.device import Placement
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference import Options, segment
from LiverTumorSegLib.model import Model
from LiverTumorSegLib.postprocessing import Postprocessing
from LiverTumorSegLib.preprocessing import Chain
from LiverTumorSegLib.progress import Cancelled, CancelToken
from LiverTumorSegLib.slice_store import SliceStore
from LiverTumorSegLib.volume import Volume

FULL = Options(coarse_pass=False)


def test_labels_follow_the_voxels(ct, thresholds):
    labels = segment(ct, thresholds, "cpu", options=FULL).labels
    expected = np.digitize(ct.voxels, [60.5, 140]).astype(np.uint8)
    clear = np.abs(ct.voxels - 60) > 3
    clear &= np.abs(ct.voxels - 150) > 12
    expected[ct.voxels > 150] = 2
    assert np.array_equal(labels[clear], expected[clear])
    assert labels.dtype == np.uint8
    assert labels.shape == ct.voxels.shape


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    axes=st.permutations(range(3)),
    flips=st.tuples(*[st.booleans()] * 3),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    coarse=st.booleans(),
)
def test_no_axis_order_or_flip_changes_a_voxel_in_the_patient(ct, random_model, axes, flips, angles, coarse):
    turned = ct.affine.copy()
    turned[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ turned[:3, :3]
    volume = Volume(ct.voxels, turned)
    other = reordered(volume, tuple(axes), flips)
    options = Options(coarse_pass=coarse, postprocessing=Postprocessing(smallest_lesion_ml=0.01, smallest_liver_ml=0))
    first, second = (segment(v, random_model, "cpu", options=options).labels for v in (volume, other))
    assert len(np.unique(first)) > 1
    assert np.array_equal(other.axial.of(second), volume.axial.of(first))


def test_resampling_puts_labels_back_in_their_place():
    voxels = np.full((4, 90, 110), -40, np.int16)
    voxels[:, 30:60, 40:80] = 160  # with the threshold half way, no edge moves
    volume = Volume(voxels, np.diag([-0.7, -0.9, 2.0, 1.0]))
    chain = Chain.model_validate(
        [{"step": "window", "level": 60, "width": 200}, {"step": "resample", "spacing_mm": 1.3}]
    )
    resampling = Model(describe(preprocessing=chain), Thresholds())
    for options in (FULL, Options()):
        found = segment(volume, resampling, "cpu", options=options).labels > 0
        assert dice(found, voxels > 0) > 0.97
        shown = np.argwhere(found[0])
        assert abs(shown.min(axis=0) - [30, 40]).max() <= 1
        assert abs(shown.max(axis=0) - [59, 79]).max() <= 1


def test_the_coarse_pass_finds_what_the_full_pass_finds():
    voxels = np.full((40, 90, 110), -100, np.int16)
    voxels[10:30, 30:60, 40:80] = 100
    volume = Volume(voxels, np.diag([-1, -1, 2.0, 1.0]))
    model_ = Model(describe(), Thresholds())
    results = [segment(volume, model_, "cpu", options=Options(coarse_pass=coarse)).labels for coarse in (True, False)]
    assert np.array_equal(*results)


def test_a_volume_without_a_liver_is_a_result_that_says_so(thresholds):
    volume = Volume(np.full((5, 20, 20), -1000, np.int16), np.eye(4))
    result = segment(volume, thresholds, "cpu")
    assert not result.labels.any()
    assert result.notes == ("No liver was found.",)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 20, 20), (5, 1, 60), (3, 2, 2), (40, 3, 17)])
@pytest.mark.parametrize("coarse", [True, False])
def test_volumes_of_any_size_can_be_segmented(random_model, shape, coarse):
    volume = Volume(np.zeros(shape, np.int16), np.diag([-0.7, -0.7, 3.0, 1.0]))
    assert segment(volume, random_model, "cpu", options=Options(coarse_pass=coarse)).labels.shape == shape


def test_a_gpu_that_cannot_hold_the_volume_hands_over_to_the_cpu(ct, thresholds, monkeypatch):
    class FullGpu(SliceStore):
        def __init__(self, view, spacing, description, placement):
            if placement.device.type == "meta":
                msg = "MPS backend out of memory (MPS allocated: 9 GB)"
                raise RuntimeError(msg)
            super().__init__(view, spacing, description, placement)

    monkeypatch.setattr(inference, "SliceStore", FullGpu)
    monkeypatch.setattr(inference, "place", lambda _, precision: Placement(torch.device("meta"), torch.float32, 2))
    result = segment(ct, thresholds)
    assert result.notes[0] == "meta has too little memory for this volume: running on the CPU."
    assert result.labels.any()


def test_an_error_about_anything_else_is_not_taken_for_memory(ct):
    class Broken(Thresholds):
        def forward(self, _):
            msg = "mat1 and mat2 shapes cannot be multiplied"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        segment(ct, Model(describe(), Broken()), "cpu")


def test_progress_rises_from_nothing_to_all(ct, thresholds):
    told = []
    segment(ct, thresholds, "cpu", lambda fraction, sentence: told.append((fraction, sentence)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert {"Looking for the liver", "Cleaning up", "Done"} < {sentence for _, sentence in told}


@pytest.mark.parametrize("after", [0, 1, 4])
def test_cancelling_is_answered_before_the_next_batch(ct, after):
    token, batches = CancelToken(), []

    class Counting(Thresholds):
        def forward(self, slices):
            batches.append(len(slices))
            if len(batches) == after:
                token.cancel()
            return super().forward(slices)

    if not after:
        token.cancel()
    with pytest.raises(Cancelled):
        segment(ct, Model(describe(), Counting()), "cpu", cancel=token, options=Options(coarse_pass=False, batch=1))
    assert len(batches) == after


def test_another_thread_can_cancel(ct, thresholds):
    token = CancelToken()
    started = threading.Event()

    def progress(fraction, sentence):
        started.set()
        if fraction < 0.9:
            threading.Event().wait(0.05)

    threading.Thread(target=lambda: (started.wait(), token.cancel())).start()
    with pytest.raises(Cancelled):
        segment(ct, thresholds, "cpu", progress, token, options=Options(coarse_pass=False, batch=1))


class LittleMemory(Thresholds):
    """Too little memory for more than some slices, as a GPU would say it."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, slices):
        if len(slices) > self.most:
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)
        return super().forward(slices)


@pytest.mark.parametrize("coarse", [True, False])
def test_out_of_memory_goes_on_with_smaller_batches_to_the_same_result(ct, thresholds, coarse):
    options = Options(coarse_pass=coarse, batch=8)
    tight = segment(ct, Model(describe(), LittleMemory(2)), "cpu", options=options)
    assert np.array_equal(tight.labels, segment(ct, thresholds, "cpu", options=options).labels)
    assert tight.notes[-1] == "cpu ran out of memory: going on with 2 slices a batch."


def test_a_gpu_without_memory_for_one_slice_hands_over_to_the_cpu(ct, thresholds, monkeypatch):
    class OnlyOnTheCpu(Thresholds):
        def forward(self, slices):
            if slices.dtype == torch.float64:
                msg = "CUDA out of memory"
                raise torch.OutOfMemoryError(msg)
            return super().forward(slices)

    # No GPU here: the CPU in double precision stands in for a device that is not the usual CPU.
    monkeypatch.setattr(inference, "place", lambda _, precision: Placement(torch.device("cpu"), torch.float64, 2))
    result = segment(ct, Model(describe(), OnlyOnTheCpu()), options=FULL)
    monkeypatch.undo()
    assert np.array_equal(result.labels, segment(ct, thresholds, "cpu", options=FULL).labels)
    assert result.notes[-1].endswith("even for one slice: going on on the CPU.")
    assert result.device == str(device.cpu())


def test_own_clean_up_replaces_the_models(ct, thresholds):
    cleaning = dataclasses.replace(Options(), postprocessing=Postprocessing(smallest_liver_ml=0))
    kept = segment(ct, thresholds, "cpu", options=Options(postprocessing=KEEP_ALL)).labels
    cleaned = segment(ct, thresholds, "cpu", options=cleaning).labels
    assert 0 < np.count_nonzero(cleaned) < np.count_nonzero(kept)


def test_twice_the_same_is_the_same(ct, random_model):
    first, second = (segment(ct, random_model, "cpu") for _ in range(2))
    assert np.array_equal(first.labels, second.labels)


def test_the_model_that_ships_finds_the_liver_of_a_phantom(small_phantom):
    result = segment(small_phantom.volume, model.load(model_store.find()), "cpu")
    assert dice(result.labels > 0, small_phantom.labels > 0) > 0.85


def test_the_model_that_ships_finds_no_liver_in_a_real_pelvis(samples):
    from LiverTumorSegLib import files

    trunk = files.read_volume(samples / "totalsegmentator" / "ct.nii.gz")
    result = segment(Volume(trunk.voxels[:50], trunk.affine), model.load(model_store.find()), "cpu")
    assert result.notes == ("No liver was found.",)


def test_the_model_that_ships_finds_the_liver_of_a_real_ct(samples):
    from LiverTumorSegLib import files

    volume = files.read_volume(samples / "totalsegmentator" / "ct.nii.gz")
    reference = files.read_volume(samples / "totalsegmentator" / "liver.nii.gz", force=True)
    result = segment(volume, model.load(model_store.find()), "cpu")
    assert dice(result.labels > 0, reference.voxels > 0) >= 0.92
