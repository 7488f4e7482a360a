import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.closer_models import LEVELLED, Nowhere, closer_description, two_networks
from support.models import Thresholds, describe
from support.volumes import reordered

from LiverTumorSegLib.core import device
from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference import segment as inference
from LiverTumorSegLib.inference import slice_passes
from LiverTumorSegLib.inference.region import segment_region
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.preprocessing import Chain

FULL = SegmentationOptions(coarse_pass=False)
LIVER_HU = 100


@pytest.fixture
def abdomen():
    """A liver with a bright lesion in it, and something as dense far from it."""
    voxels = np.full((24, 90, 110), -100, np.int16)
    voxels[6:18, 25:65, 30:80] = LIVER_HU
    voxels[10:14, 40:50, 50:62] = 160
    voxels[8:12, 82:86, 100:106] = LIVER_HU
    return Volume(voxels, np.diag([-1.1, -0.9, 2.5, 1.0]))


def labels_of(volume, model, **options):
    return segment(volume, model, "cpu", options=SegmentationOptions(**{"coarse_pass": False, **options})).labels


def test_two_networks_that_agree_label_the_liver_as_one_does(abdomen):
    alone = labels_of(abdomen, Model(describe(), Thresholds()))
    both = labels_of(abdomen, two_networks())
    alone[8:12, 82:86, 100:106] = 0  # where no liver is near nothing is looked at again
    assert np.array_equal(both, alone)
    assert set(np.unique(both)) == {0, 1, 2}


@pytest.mark.parametrize("coarse", [True, False])
def test_the_mean_of_both_decides(abdomen, coarse):
    both = labels_of(abdomen, two_networks(Nowhere()), coarse_pass=coarse)
    assert set(np.unique(both)) == {0, 1}
    assert np.array_equal(both > 0, labels_of(abdomen, two_networks(), coarse_pass=coarse) > 0)


def test_what_the_second_network_sees_is_relative_to_the_liver(abdomen):
    seen = []

    class Watching(Thresholds):
        def logits(self, slices):
            seen.append(slices.float())
            return super().logits(slices)

    brighter = Volume(abdomen.voxels + np.int16(30), abdomen.affine)
    for volume in (abdomen, brighter):
        labels_of(volume, two_networks(Watching()))
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert max(part.shape[-2] for part in first) < abdomen.voxels.shape[1]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axes=st.permutations(range(3)), flips=st.tuples(*[st.booleans()] * 3), coarse=st.booleans())
def test_no_axis_order_or_flip_changes_a_voxel_in_the_patient(abdomen, axes, flips, coarse):
    model = two_networks(steps=[*LEVELLED, {"step": "resample", "spacing_mm": 0.7}])
    other = reordered(abdomen, tuple(axes), flips)
    first, second = (labels_of(volume, model, coarse_pass=coarse) for volume in (abdomen, other))
    assert np.array_equal(other.axial.of(second), abdomen.axial.of(first))


def test_finer_pixels_leave_the_outline_in_its_place(abdomen):
    model = two_networks(steps=[*LEVELLED, {"step": "resample", "spacing_mm": 0.5}])
    found, wanted = labels_of(abdomen, model), labels_of(abdomen, two_networks())
    for at in (1, 2):
        places = [np.argwhere(labels == at) for labels in (found, wanted)]
        assert np.abs(places[0].min(axis=0) - places[1].min(axis=0)).max() <= 1
        assert np.abs(places[0].max(axis=0) - places[1].max(axis=0)).max() <= 1


def test_slices_are_looked_at_in_batches_of_any_size(abdomen):
    class Placed(Thresholds):
        """Whose answer hangs on where its cut ends."""

        def logits(self, slices):
            within = torch.linspace(0, 40, slices.shape[-1])
            return super().logits(slices) + torch.stack([0 * within, 0 * within, within])[:, None]

    wanted = labels_of(abdomen, two_networks(Placed()))
    assert not np.array_equal(wanted, labels_of(abdomen, two_networks()))
    for batch in (1, 5, 24):
        assert np.array_equal(labels_of(abdomen, two_networks(Placed()), batch=batch), wanted)


def test_where_no_liver_is_found_nobody_looks_again(abdomen):
    class Never(Thresholds):
        def logits(self, _slices):
            raise AssertionError

    empty = Volume(np.full_like(abdomen.voxels, -1000), abdomen.affine)
    result = segment(empty, two_networks(Never()), "cpu")
    assert not result.labels.any()


def test_probabilities_and_confidence_are_of_both(abdomen):
    options = SegmentationOptions(coarse_pass=False, probabilities=True, candidates=True)
    found = segment(abdomen, two_networks(), "cpu", options=options)
    assert found.labels[12, 45, 55] == 2
    assert found.probabilities["lesion"][12, 45, 55] > 1 << 14
    assert found.confidence[12, 45, 55] > 100
    assert not found.probabilities["liver"][9, 84, 103]  # far from the liver
    assert len(found.candidates.measures) == 1


def test_a_region_can_be_looked_at_twice(abdomen):
    inside = np.zeros(abdomen.voxels.shape, bool)
    inside[11:13, 30:55, 40:70] = True
    found = segment_region(abdomen, two_networks(), inside, "cpu")
    assert np.array_equal(found.labels, np.where(inside, labels_of(abdomen, two_networks()), 0))


def test_a_stop_is_answered_within_a_batch_of_the_second_network(abdomen):
    token = CancelToken()

    def stop(_, doing):
        if doing.startswith("Looking closer"):
            token.cancel()

    with pytest.raises(Cancelled):
        segment(abdomen, two_networks(), "cpu", stop, token)


def test_it_is_said_what_is_being_done(abdomen):
    said = []
    segment(abdomen, two_networks(), "cpu", lambda done, doing: said.append((done, doing)))
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert any(doing.startswith("Segmenting slice 1 of") for _, doing in said)
    assert any(doing.startswith("Looking closer at slice 1 of") for _, doing in said)


class FailingGpu(Thresholds):
    """Fails after some batches; float64 stands for being on the GPU."""

    def __init__(self, batches):
        super().__init__()
        self.left = [batches]

    def forward(self, slices):
        if slices.dtype == torch.float64:
            self.left[0] -= 1
            if self.left[0] < 0:
                msg = "CUDA error: unspecified launch failure"
                raise torch.AcceleratorError(msg)
        return super().forward(slices)


@pytest.mark.parametrize("batches", [0, 2])
def test_a_gpu_that_fails_while_the_second_network_looks_hands_over_to_the_cpu(abdomen, monkeypatch, batches):
    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("cpu"), torch.float64, 2)
    )
    result = segment(abdomen, two_networks(FailingGpu(batches)), options=FULL)
    monkeypatch.undo()
    assert np.array_equal(result.labels, labels_of(abdomen, two_networks()))
    assert result.notes[0] == "cpu stopped working (CUDA error: unspecified launch failure): going on on the CPU."


def test_a_gpu_without_memory_for_finer_slices_hands_over_to_the_cpu(abdomen, monkeypatch):
    class Full(SliceCache):
        def __init__(self, view, spacing, description, placement):
            if placement.dtype == torch.float64:
                msg = "CUDA out of memory. Tried to allocate 9 GB"
                raise torch.OutOfMemoryError(msg)
            super().__init__(view, spacing, description, placement)

    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("cpu"), torch.float64, 2)
    )
    monkeypatch.setattr("LiverTumorSegLib.inference.closer_look.SliceCache", Full)
    result = segment(abdomen, two_networks(), options=FULL)
    assert result.labels.any()
    assert "has too little memory for this volume: running on the CPU." in result.notes[0]


@pytest.mark.parametrize("which", ["first", "second"])
def test_numbers_that_are_not_finite_are_made_again_in_float32(abdomen, monkeypatch, which):
    class Overflowing(Thresholds):
        def forward(self, slices):
            logits = super().forward(slices)
            return logits * float("nan") if slices.dtype == torch.float16 else logits

    def choose(_, precision):
        return DevicePlacement(torch.device("cpu"), torch.float16, 2).in_precision(precision)

    wanted = labels_of(abdomen, two_networks(), precision="float32")
    monkeypatch.setattr(inference, "choose_device", choose)
    networks = (Overflowing(), Thresholds()) if which == "first" else (Thresholds(), Overflowing())
    found = segment(abdomen, Model(closer_description(), networks[0], closer=networks[1]), options=FULL)
    assert np.array_equal(found.labels, wanted)
    assert found.device == "cpu, float32"
    assert found.notes[0].endswith("the CT was segmented again in float32.")


def test_writing_a_batch_while_the_next_is_computed_changes_nothing(abdomen, monkeypatch):
    options = SegmentationOptions(batch=3, probabilities=True, candidates=True)
    wanted = segment(abdomen, two_networks(), "cpu", options=options)
    monkeypatch.setattr(slice_passes, "_works_beside_host", lambda _: True)
    found = segment(abdomen, two_networks(), "cpu", options=options)
    assert np.array_equal(found.labels, wanted.labels)
    for name, levels in wanted.probabilities.items():
        assert np.array_equal(found.probabilities[name], levels)


def alone():
    """The second network of a model, as it comes from its own training."""
    return Model(describe(preprocessing=Chain.model_validate(LEVELLED)), Thresholds().eval())


def test_a_network_that_looks_closer_finds_no_liver_by_itself(abdomen):
    with pytest.raises(UserError, match="looks closer at a liver that another one finds: join the two with"):
        segment(abdomen, alone(), "cpu")


def test_shown_a_liver_it_labels_what_it_sees_there(abdomen):
    wanted = labels_of(abdomen, two_networks())
    shown = (wanted > 0).astype(np.uint8)
    found = segment(abdomen, alone(), "cpu", liver=shown).labels
    assert np.array_equal(found, wanted)
    nothing = segment(abdomen, alone(), "cpu", liver=np.zeros_like(shown)).labels
    assert not nothing.any()


def test_the_device_that_ran_is_named(abdomen):
    assert segment(abdomen, two_networks(), "cpu").device == str(device.cpu_placement())
