import dataclasses
import threading

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from support.click_cases import click_model
from support.models import KEEP_ALL, Thresholds, describe
from support.volumes import reordered

from LiverTumorSegLib import networks
from LiverTumorSegLib.core import device
from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference import segment as inference
from LiverTumorSegLib.inference import slice_passes
from LiverTumorSegLib.inference.device_labels import PendingLabels
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.models import model_folder, store
from LiverTumorSegLib.models.description import NetworkSpec, Patches, SliceStack
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.preprocessing import Chain
from LiverTumorSegLib.reporting.lesions import LESIONS_ALONE, measure_lesions

FULL = SegmentationOptions(coarse_pass=False)


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
    options = SegmentationOptions(
        coarse_pass=coarse, postprocessing=Postprocessing(smallest_lesion_ml=0.01, smallest_liver_ml=0)
    )
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
    for options in (FULL, SegmentationOptions()):
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
    results = [
        segment(volume, model_, "cpu", options=SegmentationOptions(coarse_pass=coarse)).labels
        for coarse in (True, False)
    ]
    assert np.array_equal(*results)


def test_a_model_for_clicks_is_refused(ct):
    with pytest.raises(UserError, match="segments one lesion per click and not a whole CT: choose another model"):
        segment(ct, click_model(), "cpu")


def test_a_volume_without_a_liver_is_a_result_that_says_so(thresholds):
    volume = Volume(np.full((5, 20, 20), -1000, np.int16), np.eye(4))
    result = segment(volume, thresholds, "cpu")
    assert not result.labels.any()
    assert measure_lesions(result.labels, volume).warnings == ("No liver was found.",)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 20, 20), (5, 1, 60), (3, 2, 2), (40, 3, 17)])
@pytest.mark.parametrize("coarse", [True, False])
def test_volumes_of_any_size_can_be_segmented(random_model, shape, coarse):
    volume = Volume(np.zeros(shape, np.int16), np.diag([-0.7, -0.7, 3.0, 1.0]))
    assert segment(volume, random_model, "cpu", options=SegmentationOptions(coarse_pass=coarse)).labels.shape == shape


def test_a_gpu_that_cannot_hold_the_volume_hands_over_to_the_cpu(ct, thresholds, monkeypatch):
    class FullGpu(SliceCache):
        def __init__(self, view, spacing, description, placement):
            if placement.device.type == "meta":
                msg = "MPS backend out of memory (MPS allocated: 9 GB)"
                raise RuntimeError(msg)
            super().__init__(view, spacing, description, placement)

    monkeypatch.setattr(inference, "SliceCache", FullGpu)
    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("meta"), torch.float32, 2)
    )
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
        segment(
            ct,
            Model(describe(), Counting()),
            "cpu",
            cancel=token,
            options=SegmentationOptions(coarse_pass=False, batch=1),
        )
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
        segment(ct, thresholds, "cpu", progress, token, options=SegmentationOptions(coarse_pass=False, batch=1))


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
    options = SegmentationOptions(coarse_pass=coarse, batch=8)
    tight = segment(ct, Model(describe(), LittleMemory(2)), "cpu", options=options)
    assert np.array_equal(tight.labels, segment(ct, thresholds, "cpu", options=options).labels)
    assert "cpu ran out of memory: going on with 2 slices a batch." in tight.notes


def test_a_gpu_without_memory_for_one_slice_hands_over_to_the_cpu(ct, thresholds, monkeypatch):
    class OnlyOnTheCpu(Thresholds):
        def forward(self, slices):
            if slices.dtype == torch.float64:
                msg = "CUDA out of memory"
                raise torch.OutOfMemoryError(msg)
            return super().forward(slices)

    # No GPU here: the CPU in double precision stands in for a device that is not the usual CPU.
    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("cpu"), torch.float64, 2)
    )
    result = segment(ct, Model(describe(), OnlyOnTheCpu()), options=FULL)
    monkeypatch.undo()
    assert np.array_equal(result.labels, segment(ct, thresholds, "cpu", options=FULL).labels)
    assert any(note.endswith("even for one slice: going on on the CPU.") for note in result.notes)
    assert result.device == str(device.cpu_placement())


class FailingGpu(Thresholds):
    """Works until its so-manieth batch in double precision, which stands in for a GPU, and never again there."""

    def __init__(self, batches):
        super().__init__()
        self.left = [batches]

    def __deepcopy__(self, _):
        return self  # what failed stays failed in the engine's copy

    def forward(self, slices):
        if slices.dtype == torch.float64:
            self.left[0] -= 1
            if self.left[0] < 0:
                msg = "CUDA error: unspecified launch failure"
                raise torch.AcceleratorError(msg)
        return super().forward(slices)


@pytest.mark.parametrize("batches", [0, 1, 3])
@pytest.mark.parametrize("coarse", [True, False])
def test_a_gpu_that_fails_midway_hands_over_to_the_cpu(ct, thresholds, monkeypatch, batches, coarse):
    options = SegmentationOptions(coarse_pass=coarse, batch=2)
    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("cpu"), torch.float64, 2)
    )
    result = segment(ct, Model(describe(), FailingGpu(batches)), options=options)
    monkeypatch.undo()
    assert np.array_equal(result.labels, segment(ct, thresholds, "cpu", options=options).labels)
    assert result.notes[0] == "cpu stopped working (CUDA error: unspecified launch failure): going on on the CPU."
    assert result.device == str(device.cpu_placement())


def test_a_gpu_that_is_lost_with_the_slices_on_it_hands_over_to_the_cpu(ct, thresholds, monkeypatch):
    """Of a tensor on the device “meta” nothing can be read back, as of one on a GPU that is gone."""

    class Gone(Thresholds):
        def forward(self, slices):
            if slices.device.type == "meta":
                msg = "CUDA error: no CUDA-capable device is detected"
                raise RuntimeError(msg)
            return super().forward(slices)

    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("meta"), torch.float32, 2)
    )
    result = segment(ct, Model(describe(), Gone()), options=FULL)
    monkeypatch.undo()
    assert np.array_equal(result.labels, segment(ct, thresholds, "cpu", options=FULL).labels)
    assert result.notes[0].startswith("meta stopped working (CUDA error: no CUDA-capable device is detected)")


def test_a_gpu_that_fails_before_the_first_slice_hands_over_to_the_cpu(ct, thresholds, monkeypatch):
    class Dead(SliceCache):
        def __init__(self, view, spacing, description, placement):
            if placement.device.type == "meta":
                msg = "CUDA error: device-side assert triggered"
                raise torch.AcceleratorError(msg)
            super().__init__(view, spacing, description, placement)

    monkeypatch.setattr(inference, "SliceCache", Dead)
    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("meta"), torch.float32, 2)
    )
    result = segment(ct, thresholds)
    assert result.notes[0] == "meta stopped working (CUDA error: device-side assert triggered): running on the CPU."
    assert result.labels.any()


class Overflowing(Thresholds):
    """Gives NaN in float16, as GTX 16xx do from their convolutions."""

    def forward(self, slices):
        logits = super().forward(slices)
        return logits * float("nan") if slices.dtype == torch.float16 else logits


def put_narrow_gpu(monkeypatch):
    """A GPU without bfloat16, for which the CPU stands in."""

    def choose(_, precision):
        return DevicePlacement(torch.device("cpu"), torch.float16, 2).in_precision(precision)

    monkeypatch.setattr(inference, "choose_device", choose)


@pytest.mark.parametrize("coarse", [True, False])
def test_a_case_that_is_not_finite_in_float16_is_done_again_in_float32(ct, monkeypatch, coarse):
    model = Model(describe(), Overflowing())
    wanted = segment(ct, model, "cpu", options=SegmentationOptions(coarse_pass=coarse, precision="float32"))
    put_narrow_gpu(monkeypatch)
    found = segment(ct, model, options=SegmentationOptions(coarse_pass=coarse, probabilities=True))
    assert np.array_equal(found.labels, wanted.labels)
    assert found.device == "cpu, float32"
    assert found.notes[0] == ("cpu gave numbers that are not finite in float16: the CT was segmented again in float32.")


def test_a_precision_that_the_user_chose_is_not_changed(ct, monkeypatch):
    put_narrow_gpu(monkeypatch)
    with pytest.raises(UserError, match="choose --precision float32"):
        segment(ct, Model(describe(), Overflowing()), options=SegmentationOptions(precision="float16"))


def test_weights_that_are_damaged_are_not_finite_in_float32_either(ct, monkeypatch):
    class Damaged(Thresholds):
        def forward(self, slices):
            return super().forward(slices) * float("nan")

    put_narrow_gpu(monkeypatch)
    with pytest.raises(UserError, match="its weights are damaged"):
        segment(ct, Model(describe(), Damaged()))


def test_on_a_gpu_convolutions_repeat_themselves_and_float32_is_whole(ct, monkeypatch):
    seen = []

    class Watching(Thresholds):
        def forward(self, slices):
            cudnn = torch.backends.cudnn
            seen.append((slices.device.type, cudnn.deterministic, cudnn.conv.fp32_precision))
            if slices.device.type == "meta":
                msg = "CUDA error: unspecified launch failure"
                raise torch.AcceleratorError(msg)
            return super().forward(slices)

    def choose(_, precision):
        return DevicePlacement(torch.device("meta"), torch.bfloat16, 2).in_precision(precision)

    monkeypatch.setattr(inference, "choose_device", choose)
    for precision in ("auto", "float32"):
        segment(ct, Model(describe(), Watching()), options=SegmentationOptions(precision=precision))
    on_gpu = [entry for entry in seen if entry[0] == "meta"]
    assert on_gpu == [("meta", True, "tf32"), ("meta", True, "ieee")]
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.conv.fp32_precision) == (False, "tf32")
    seen.clear()
    monkeypatch.undo()
    segment(ct, Model(describe(), Watching()), "cpu")
    assert set(seen) == {("cpu", False, "tf32")}


def test_the_cpu_goes_on_in_the_precision_that_was_asked_for(ct, monkeypatch):
    def choose(_, precision):
        return DevicePlacement(torch.device("cpu"), torch.float64, 32, precision=precision)

    monkeypatch.setattr(inference, "choose_device", choose)
    found = segment(ct, Model(describe(), FailingGpu(1)), options=SegmentationOptions(precision="float32"))
    assert found.device == "cpu, float32"
    assert sum("on the CPU" in note for note in found.notes) == 1


@pytest.mark.parametrize("coarse", [True, False])
def test_writing_a_batch_while_the_next_is_computed_changes_nothing(ct, random_model, monkeypatch, coarse):
    options = SegmentationOptions(coarse_pass=coarse, batch=3, probabilities=True, candidates=True)
    wanted = segment(ct, random_model, "cpu", options=options)
    monkeypatch.setattr(slice_passes, "_works_beside_host", lambda _: True)
    found = segment(ct, random_model, "cpu", options=options)
    assert np.array_equal(found.labels, wanted.labels)
    for name, levels in wanted.probabilities.items():
        assert np.array_equal(found.probabilities[name], levels)
    assert found.candidates.measures.tolist() == wanted.candidates.measures.tolist()


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_a_gpu_that_fails_with_a_batch_on_its_way_costs_no_slice(ct, thresholds, monkeypatch, fails_at):
    """What it computes fails when it is fetched, after the next batch has begun."""
    monkeypatch.setattr(
        inference, "choose_device", lambda _, precision: DevicePlacement(torch.device("cpu"), torch.float64, 2)
    )
    monkeypatch.setattr(slice_passes, "_works_beside_host", lambda _: True)
    finish, seen = PendingLabels.finish, []

    def fail(pending):
        seen.append(pending.first)
        if len(seen) == fails_at + 1:
            msg = "CUDA error: an illegal memory access was encountered"
            raise torch.AcceleratorError(msg)
        return finish(pending)

    monkeypatch.setattr(PendingLabels, "finish", fail)
    result = segment(ct, thresholds, options=FULL)
    monkeypatch.undo()
    assert np.array_equal(result.labels, segment(ct, thresholds, "cpu", options=FULL).labels)
    assert result.notes[0].endswith("an illegal memory access was encountered): going on on the CPU.")


def test_own_clean_up_replaces_the_models(ct, thresholds):
    cleaning = dataclasses.replace(SegmentationOptions(), postprocessing=Postprocessing(smallest_liver_ml=0))
    kept = segment(ct, thresholds, "cpu", options=SegmentationOptions(postprocessing=KEEP_ALL)).labels
    cleaned = segment(ct, thresholds, "cpu", options=cleaning).labels
    assert 0 < np.count_nonzero(cleaned) < np.count_nonzero(kept)


def test_twice_the_same_is_the_same(ct, random_model):
    first, second = (segment(ct, random_model, "cpu") for _ in range(2))
    assert np.array_equal(first.labels, second.labels)


def test_the_model_that_ships_finds_the_liver_of_a_phantom(small_phantom):
    result = segment(small_phantom.volume, model_folder.load(store.find_model()), "cpu")
    assert dice(result.labels > 0, small_phantom.labels > 0) > 0.85


def test_the_model_that_ships_finds_no_liver_in_a_real_pelvis(samples):
    from LiverTumorSegLib.io import volumes

    trunk = volumes.read_volume(samples / "totalsegmentator" / "ct.nii.gz")
    result = segment(Volume(trunk.voxels[:50], trunk.affine), model_folder.load(store.find_model()), "cpu")
    assert not result.labels.any()


def test_the_model_that_ships_finds_the_liver_of_a_real_ct(samples):
    from LiverTumorSegLib.io import volumes

    volume = volumes.read_volume(samples / "totalsegmentator" / "ct.nii.gz")
    reference = volumes.read_volume(samples / "totalsegmentator" / "liver.nii.gz", force=True)
    result = segment(volume, model_folder.load(store.find_model()), "cpu")
    assert dice(result.labels > 0, reference.voxels > 0) >= 0.92


EVERY_NETWORK = {
    "unet": {"features": [4, 4, 4, 4, 4, 4]},
    "unet_valid": {"features": [4, 4, 4, 4, 4]},
    "segnet": {"features": [4, 4, 4, 4, 4]},
    "resnet18": {"width": 8},
    "resnet34": {"width": 8},
    "resnet50": {"width": 8},
    "resnet101": {"width": 8},
    "alexnet_fcn": {"fc_channels": 8},
    "attention_unet": {"features": [4, 4, 4, 4, 4]},
    "attention_unet_ds": {"features": [4, 4, 4, 4, 4]},
    "dalu_net": {"features": [4, 4, 4, 4, 4]},
    "unet3d": {"features": [4, 4, 4, 4, 4, 4]},
    "plain_conv_unet_2d": {"features": [4, 4, 4, 4, 4]},
    "plain_conv_unet_3d": {"features": [4, 4, 4, 4, 4]},
    "residual_encoder_unet_2d": {"features": [4, 4, 4, 4, 4], "encoder": [1, 1, 1, 1, 1]},
    "residual_encoder_unet_3d": {"features": [4, 4, 4, 4, 4], "encoder": [1, 1, 1, 1, 1]},
    "click_unet": {"features": [4, 4, 4, 4]},  # without clicks it sees patches as any network for volumes
}


def of_network(name, classes=3, labels=("background", "liver", "lesion")):
    """A model with random weights of any architecture, whose labels all occur; 2.5D where the network is."""
    torch.manual_seed(4)
    slices = 3 if name == "dalu_net" else 1
    spec = NetworkSpec(name=name, in_channels=slices, classes=classes, options=EVERY_NETWORK[name])
    network = networks.create(name, slices, classes, **spec.options).eval()
    description = describe(
        network=spec,
        labels=labels,
        stack=SliceStack(slices=slices, spacing_mm=2.5),
        patches=Patches(spacing_mm=(2.5, 0.9, 0.8), size=(16, 32, 32)) if network.axes == 3 else None,
    )
    return Model(description, Centred(network))


class Centred(networks.SliceNetwork):
    """Another network whose classes come about equally often, however its random weights fell."""

    def __init__(self, network):
        super().__init__(network.in_channels, network.classes)
        self.network = network
        for name in ("stride", "smallest", "margin", "remainder", "axes"):
            setattr(self, name, getattr(network, name))

    def logits(self, slices):
        logits = self.network(slices)
        middle = [axis for axis in range(logits.ndim) if axis != 1]
        return (logits - logits.mean(dim=middle, keepdim=True)) / logits.std(dim=middle, keepdim=True)


def test_every_network_is_tried():
    assert sorted(EVERY_NETWORK) == networks.names()


@pytest.mark.parametrize("name", sorted(EVERY_NETWORK))
def test_every_network_segments_a_volume_alike_in_any_axis_order(name, ct):
    made = of_network(name)
    other = reordered(ct, (2, 0, 1), (True, False, True))
    options = SegmentationOptions(coarse_pass=False, batch=len(ct.voxels))
    first, second = (segment(volume, made, "cpu", options=options).labels for volume in (ct, other))
    assert len(np.unique(first)) > 1
    assert np.array_equal(other.axial.of(second), ct.axial.of(first))


def test_what_a_chain_crops_away_is_background_and_the_rest_stays_in_its_place():
    voxels = np.full((10, 60, 70), -1000, np.int16)
    voxels[:, 12:50, 20:62] = -40
    voxels[3:7, 25:35, 30:45] = 160
    steps = [{"step": "crop_to_body", "margin_mm": 3.0}, {"step": "window", "level": 60, "width": 200}]
    made = Model(describe(preprocessing=Chain.model_validate(steps)), Thresholds())
    for options in (FULL, SegmentationOptions()):
        found = segment(Volume(voxels, np.diag([-1, -1, 2.0, 1])), made, "cpu", options=options).labels
        assert np.array_equal(found > 0, voxels == 160)


def test_a_chain_that_needs_the_volume_gives_the_same_in_any_axis_order(ct):
    steps = [{"step": "z_score", "over": "volume"}]
    made = Model(describe(preprocessing=Chain.model_validate(steps)), Thresholds())
    other = reordered(ct, (1, 2, 0), (True, True, False))
    first, second = (segment(volume, made, "cpu", options=FULL).labels for volume in (ct, other))
    deviations = (ct.voxels - ct.voxels.mean()) / ct.voxels.std()
    clear = np.abs(deviations - 0.5) > 0.01
    assert np.array_equal((first > 0)[clear], (deviations > 0.5)[clear])
    assert np.array_equal(other.axial.of(second), ct.axial.of(first))


@pytest.mark.parametrize(("width", "precision", "used"), [(4000, "auto", "float32"), (4000, "bfloat16", "bfloat16")])
def test_a_wide_window_is_not_rounded_away_unless_asked_for(ct, width, precision, used):
    chain = Chain.model_validate([{"step": "window", "level": 0, "width": width}])
    result = segment(
        ct, Model(describe(preprocessing=chain), Thresholds()), "cpu", options=SegmentationOptions(precision=precision)
    )
    assert result.device.endswith(used)


def test_a_narrow_window_runs_in_the_devices_own_precision(ct, thresholds):
    assert segment(ct, thresholds, "cpu").device == str(device.choose_device("cpu", "auto"))


class Brightest(networks.SliceNetwork):
    """One sigmoid channel: bright pixels."""

    def __init__(self):
        super().__init__(1, 1)

    def logits(self, slices):
        return (slices - 0.75) * 20


@pytest.mark.parametrize(("label", "value"), [("liver", 1), ("lesion", 2)])
def test_a_binary_model_writes_its_own_label(ct, label, value):
    spec = NetworkSpec(name="unet", in_channels=1, classes=1)
    made = Model(describe(network=spec, labels=("background", label), postprocessing=Postprocessing()), Brightest())
    options = SegmentationOptions(postprocessing=KEEP_ALL)
    result = segment(ct, made, "cpu", options=options)
    clear = np.abs(ct.voxels - 110) > 4
    assert np.array_equal((result.labels == value)[clear], (ct.voxels > 110)[clear])
    assert set(np.unique(result.labels)) == {0, value}
    told = measure_lesions(result.labels, ct, made.description.labels).warnings
    assert (LESIONS_ALONE in told) == (label == "lesion")


def test_a_model_of_lesions_alone_keeps_lesions_apart_from_each_other_and_from_any_liver():
    voxels = np.full((12, 40, 40), -40, np.int16)
    voxels[3:6, 5:12, 5:12] = voxels[7:10, 25:30, 25:30] = 160
    spec = NetworkSpec(name="unet", in_channels=1, classes=1)
    made = Model(describe(network=spec, labels=("background", "lesion"), postprocessing=Postprocessing()), Brightest())
    result = segment(Volume(voxels, np.diag([-1, -1, 2.0, 1])), made, "cpu")
    assert np.array_equal(result.labels == 2, voxels == 160)
    assert not result.options.postprocessing.lesions_in_liver


def test_a_model_of_lesions_alone_that_finds_none_says_so():
    spec = NetworkSpec(name="unet", in_channels=1, classes=1)
    made = Model(describe(network=spec, labels=("background", "lesion")), Brightest())
    result = segment(Volume(np.full((4, 20, 20), -40, np.int16), np.diag([-1, -1, 2.0, 1])), made, "cpu")
    told = measure_lesions(result.labels, result.volume, made.description.labels).warnings
    assert told == ("No lesion was found.",)


def shares(result):
    """Of background, liver without lesions, and lesions, from the probabilities that are kept."""
    liver, lesion = (result.probabilities[name] / FULL_PROBABILITY for name in ("liver", "lesion"))
    return np.stack([1 - liver, liver - lesion, lesion])


@pytest.mark.parametrize("coarse", [True, False])
def test_the_likeliest_of_the_probabilities_is_the_label_before_clean_up(ct, random_model, coarse):
    options = SegmentationOptions(coarse_pass=coarse, postprocessing=KEEP_ALL, probabilities=True)
    result = segment(ct, random_model, "cpu", options=options)
    found = shares(result)
    ranked = np.sort(found, axis=0)
    clear = ranked[2] - ranked[1] > 3 / FULL_PROBABILITY
    assert clear.mean() > 0.9
    assert np.unique(result.labels[clear]).tolist() == [0, 1, 2]
    assert np.array_equal(found.argmax(axis=0)[clear], result.labels[clear])
    assert {levels.dtype for levels in result.probabilities.values()} == {np.dtype(np.uint16)}


def test_probabilities_follow_the_voxels(ct, thresholds):
    result = segment(ct, thresholds, "cpu", options=SegmentationOptions(False, precision="float32", probabilities=True))
    middle = np.clip((ct.voxels.astype(float) + 40) / 200, 0, 1)
    liver = (middle - 0.5) * 20
    weights = np.exp([np.zeros_like(liver), liver, liver + (middle - 0.9) * 40])
    assert shares(result) == pytest.approx(weights / weights.sum(axis=0), abs=1e-3)


def test_probabilities_change_no_label_and_are_kept_only_where_asked_for(ct, random_model):
    asked = segment(ct, random_model, "cpu", options=SegmentationOptions(probabilities=True))
    usual = segment(ct, random_model, "cpu")
    assert np.array_equal(asked.labels, usual.labels)
    assert usual.probabilities == {}


def test_clean_up_leaves_the_probabilities_alone(ct, thresholds):
    cleaned, kept = (
        segment(ct, thresholds, "cpu", options=SegmentationOptions(False, postprocessing=steps, probabilities=True))
        for steps in (Postprocessing(), KEEP_ALL)
    )
    assert not np.array_equal(cleaned.labels, kept.labels)
    assert all(np.array_equal(cleaned.probabilities[name], kept.probabilities[name]) for name in ("liver", "lesion"))


def test_outside_the_box_of_the_coarse_pass_probabilities_are_0():
    voxels = np.full((40, 90, 110), 0, np.int16)
    voxels[10:30, 30:60, 40:80] = 100
    volume = Volume(voxels, np.diag([-1, -1, 2.0, 1.0]))
    coarse, full = (
        segment(
            volume, Model(describe(), Thresholds()), "cpu", options=SegmentationOptions(on, probabilities=True)
        ).probabilities
        for on in (True, False)
    )
    assert full["liver"].all()
    box = coarse["liver"] > 0
    assert not box.all()
    assert box[10:30, 30:60, 40:80].all()
    assert np.array_equal(coarse["liver"][box], full["liver"][box])


def test_no_axis_order_or_flip_changes_a_probability_in_the_patient(ct, random_model):
    options = SegmentationOptions(coarse_pass=False, probabilities=True)
    other = reordered(ct, (2, 0, 1), (True, False, True))
    first, second = (segment(volume, random_model, "cpu", options=options).probabilities for volume in (ct, other))
    for name in ("liver", "lesion"):
        assert np.array_equal(other.axial.of(second[name]), ct.axial.of(first[name]))


@pytest.mark.parametrize("label", ["liver", "lesion"])
def test_a_binary_model_has_the_probability_of_its_own_label_alone(ct, label):
    spec = NetworkSpec(name="unet", in_channels=1, classes=1)
    made = Model(describe(network=spec, labels=("background", label)), Brightest())
    options = SegmentationOptions(postprocessing=KEEP_ALL, probabilities=True)
    result = segment(ct, made, "cpu", options=options)
    assert result.probabilities.keys() == {label}
    assert np.array_equal(result.probabilities[label] > FULL_PROBABILITY / 2, result.labels > 0)
