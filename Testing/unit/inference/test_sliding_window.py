from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference
from support.fake_gpus import FakeGpu, put_gpus
from support.models import describe
from support.volumes import reordered

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.device import DevicePlacement, cpu_placement
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference import sliding_window
from LiverTumorSegLib.inference.label_assembly import LabelOutput
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.models.description import NetworkSpec, Patches
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.networks.cost import inference_bytes

PATCHES = Patches(spacing_mm=(2.0, 1.5, 1.5), size=(16, 32, 32))


class Thresholds3D(networks.SliceNetwork):
    """Liver from half of the window on, voxel by voxel."""

    axes = 3
    stride = 8

    def __init__(self):
        super().__init__(1, 1)

    def logits(self, slices):
        return (slices - 0.5) * 20


def model(network=None, **changes):
    spec = NetworkSpec(name="unet3d", in_channels=1, classes=1)
    fields = {"network": spec, "labels": ("background", "liver"), "patches": PATCHES} | changes
    return Model(describe(**fields), network or Thresholds3D())


@pytest.fixture
def box():
    voxels = np.full((30, 60, 70), -40, np.int16)
    voxels[8:22, 20:45, 15:55] = 160  # with the threshold half way, no edge moves
    return Volume(voxels, np.diag([-0.8, -0.9, 2.5, 1.0]))


def test_labels_come_back_where_they_were(box):
    found = segment(box, model(), "cpu").labels
    assert dice(found == 1, box.voxels > 0) > 0.95
    shown = np.argwhere(found)
    assert abs(shown.min(axis=0) - [8, 20, 15]).max() <= 1
    assert abs(shown.max(axis=0) - [21, 44, 54]).max() <= 1


def test_the_network_sees_patches_of_the_size_it_asks_for(box):
    seen = []

    class Watching(Thresholds3D):
        def logits(self, slices):
            seen.append(tuple(slices.shape))
            return super().logits(slices)

    segment(box, model(Watching()), "cpu")
    assert set(seen) == {(1, 1, *PATCHES.size)}


def test_no_axis_order_or_flip_changes_a_voxel_in_the_patient(box):
    torch.manual_seed(0)
    network = networks.create("unet3d", 1, 1, features=(4, 4, 4, 4, 4, 4)).eval()
    made = model(network)
    first = segment(box, made, "cpu").labels
    for axes, flips in (((2, 0, 1), (True, False, True)), ((1, 2, 0), (False, True, True))):
        other = reordered(box, axes, flips)
        assert np.array_equal(other.axial.of(segment(other, made, "cpu").labels), box.axial.of(first))


def test_a_volume_smaller_than_a_patch_is_segmented():
    voxels = np.full((3, 10, 12), 160, np.int16)
    found = segment(Volume(voxels, np.diag([-0.8, -0.9, 2.5, 1.0])), model(), "cpu").labels
    assert (found == 1).all()


def test_patches_are_told_and_can_be_cancelled(box):
    told, cancel = [], CancelToken()

    def progress(fraction, sentence):
        told.append((fraction, sentence))
        if sentence.startswith("Segmenting part 3 of"):
            cancel.cancel()

    with pytest.raises(Cancelled):
        segment(box, model(), "cpu", progress, cancel)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert told[-1][1].startswith("Segmenting part 3 of")


def test_as_many_parts_are_told_as_the_network_sees(box):
    told = []
    segment(box, model(), "cpu", lambda fraction, sentence: told.append(sentence))
    parts = [sentence for sentence in told if sentence.startswith("Segmenting part")]
    assert parts[-1] == f"Segmenting part {len(parts)} of {len(parts)}"


def test_thin_slices_are_averaged_and_not_skipped():
    voxels = np.full((64, 20, 20), -40, np.int16)
    voxels[::2] = 160
    volume = Volume(voxels, np.diag([-1.5, -1.5, 0.5, 1.0]))
    store = SliceCache(volume.axial.of(volume.voxels), volume.axial.spacing, describe(), cpu_placement())
    pixels = sliding_window._standardised(store, PATCHES, Predictor(Thresholds3D(), cpu_placement(), 1), Job())
    assert pixels.shape == (1, 1, 16, 20, 20)
    assert pixels[0, 0, 2:-2].numpy() == pytest.approx(0.5, abs=0.02)


@pytest.fixture
def stand_in(box):
    """An engine on a CPU as if on a GPU, which runs out of memory at some patches, and the volume's slices."""

    def make(failing):
        store = SliceCache(box.axial.of(box.voxels), box.axial.spacing, model().description, cpu_placement())
        engine = Predictor(Thresholds3D(), replace(cpu_placement(), dtype=torch.float32), 1)
        engine.placement = replace(cpu_placement(), device=torch.device("cpu", 0), dtype=torch.float64)
        tried = []

        def fail(_network, patches):
            tried.append(patches)
            if len(tried) in failing:
                msg = "CUDA out of memory"
                raise torch.OutOfMemoryError(msg)

        engine._network.register_forward_pre_hook(fail)
        return engine, store

    return make


def test_where_memory_runs_out_the_volume_is_kept_by_the_host_first(box, stand_in):
    engine, store = stand_in({3})
    out = np.zeros(box.voxels.shape, np.uint8)
    sliding_window.segment_in_patches(LabelOutput(out), store, PATCHES, engine, Job())
    assert engine.placement != cpu_placement()
    assert engine.notes == ["cpu:0 ran out of memory: the volume is kept in the host's memory, its parts are not."]
    assert dice(out > 0, box.axial.of(box.voxels) > 0) > 0.95


def test_where_memory_runs_out_all_the_same_it_goes_on_on_the_cpu(box, stand_in):
    engine, store = stand_in({3, 5})
    out = np.zeros(box.voxels.shape, np.uint8)
    sliding_window.segment_in_patches(LabelOutput(out), store, PATCHES, engine, Job())
    assert engine.placement == cpu_placement()
    assert engine.notes[-1] == "cpu:0 ran out of memory even for one part: going on on the CPU."
    assert dice(out > 0, box.axial.of(box.voxels) > 0) > 0.95


def predicted(network, batch, fails_from=None, task=None):
    """Logits of a volume from so many patches at a time, the batches that the network saw, and the notes.

    A batch fails for want of memory where it has so many patches or more.
    """
    engine, seen = Predictor(network, replace(cpu_placement(), dtype=torch.float32)), []
    engine.batch = batch

    def look(_network, patches):
        if fails_from and len(patches[0]) >= fails_from:
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)
        seen.append(len(patches[0]))

    engine._network.register_forward_pre_hook(look)
    pixels = torch.rand(1, 1, 30, 60, 70, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return sliding_window.predict_patches(pixels, PATCHES, engine, task or Job()), seen, engine.notes


@pytest.mark.parametrize("shape", [(30, 60, 70), (16, 33, 50), (9, 40, 25), (7, 8, 31)])
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.75])
def test_patches_lie_and_count_as_in_monais_sliding_window_to_the_last_bit(shape, overlap):
    torch.manual_seed(0)
    network = networks.create("unet3d", 1, 2, features=(1, 1, 2, 2, 2, 1)).eval()
    pixels, patches = torch.rand(1, 1, *shape), Patches(spacing_mm=(1, 1, 1), size=(16, 32, 32), overlap=overlap)
    engine = Predictor(network, replace(cpu_placement(), dtype=torch.float32), 1)
    with torch.inference_mode():
        found = sliding_window.predict_patches(pixels, patches, engine, Job())
        (wanted,) = sliding_window_inference(
            pixels, patches.size, 1, engine, overlap, "gaussian", padding_mode="replicate"
        )
    assert torch.equal(found, wanted)


@pytest.mark.parametrize("batch", [2, 4, 64])
def test_several_patches_at_a_time_give_what_one_gives(batch):
    torch.manual_seed(0)
    network = networks.create("unet3d", 1, 2, features=(4, 4, 4, 4, 4, 4)).eval()
    wanted, each, _ = predicted(network, 1)
    found, seen, notes = predicted(network, batch)
    assert set(each) == {1}
    assert sum(seen) == len(each)
    assert seen == [batch] * (len(each) // batch) + ([len(each) % batch] if len(each) % batch else [])
    assert torch.allclose(found, wanted, atol=1e-5)
    assert notes == []


def test_patches_whose_logits_do_not_depend_on_the_batch_add_up_to_the_same_bits():
    assert torch.equal(predicted(Thresholds3D(), 5)[0], predicted(Thresholds3D(), 1)[0])


def test_where_memory_runs_out_for_several_patches_half_as_many_go_on_from_there():
    wanted, each, _ = predicted(Thresholds3D(), 1)
    told = []
    found, seen, notes = predicted(Thresholds3D(), 8, 4, Job(lambda fraction, _: told.append(fraction)))
    assert set(seen) <= {2, 1}
    assert sum(seen) == len(each)  # none is computed twice
    assert notes == [f"cpu ran out of memory: going on with {count} parts a batch." for count in (4, 2)]
    assert torch.equal(found, wanted)
    assert told == sorted(told)


def test_a_lack_of_memory_for_one_patch_is_for_whoever_asked():
    with pytest.raises(torch.OutOfMemoryError):
        predicted(Thresholds3D(), 4, fails_from=1)


def test_patches_at_a_time_follow_from_the_free_memory_of_a_gpu_and_what_its_sums_will_take(monkeypatch):
    network = networks.create("unet3d", 1, 2).eval()
    each = inference_bytes(network, (96, 96, 96), torch.bfloat16)
    batches = []
    for free in (0.9, 4.1, 9, 10**4):
        put_gpus(monkeypatch, FakeGpu(free=int(2 * each * free) + 10**9))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
        engine = Predictor(network, cpu_placement())
        engine.placement = DevicePlacement(torch.device("cuda:0"), torch.bfloat16, 32)
        engine.fit_batch((96, 96, 96), 10**9)
        batches.append(engine.batch)
    assert batches == [1, 4, 8, 32]


@pytest.mark.parametrize(("device", "reserved"), [("cpu", 4 * 2 * 30 * 60 * 70), ("meta", 0)])
def test_memory_for_sums_is_left_free_where_they_are(device, reserved):
    class Asked(Exception):
        pass

    def fit(*arguments):
        raise Asked(*arguments)

    engine = Predictor(Thresholds3D(), DevicePlacement(torch.device(device), torch.float32, 2))
    engine.fit_batch = fit
    with pytest.raises(Asked) as asked:
        sliding_window.predict_patches(torch.zeros(1, 1, 30, 60, 70), PATCHES, engine, Job())
    assert asked.value.args == (PATCHES.size, reserved)


@pytest.mark.parametrize(
    ("device", "asked", "batch"),
    [("cpu", None, 1), ("cpu", 8, 1), ("meta", None, 1), ("meta", 8, 8)],
)
def test_a_cpu_takes_one_patch_at_a_time_and_only_a_gpu_what_is_asked_for(device, asked, batch):
    placement = DevicePlacement(torch.device(device), torch.float32, 32)
    assert Predictor(Thresholds3D(), placement, asked).batch == batch


def test_memory_that_lacks_beside_the_patches_too_goes_to_the_cpu_at_once(box, stand_in, monkeypatch):
    engine, store = stand_in(set())
    engine.batch, tried = 16, []
    standardised = sliding_window._standardised

    def fail_twice(*arguments, **options):
        tried.append(options)
        if len(tried) < 3:
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)
        return standardised(*arguments, **options)

    monkeypatch.setattr(sliding_window, "_standardised", fail_twice)
    out = np.zeros(box.voxels.shape, np.uint8)
    sliding_window.segment_in_patches(LabelOutput(out), store, PATCHES, engine, Job())
    assert [tries["on_host"] for tries in tried] == [False, True, True]
    assert engine.placement == cpu_placement()
    assert out.any()


def test_probabilities_of_a_network_of_volumes_lie_where_its_labels_do(box):
    asked = segment(box, model(), "cpu", options=SegmentationOptions(probabilities=True))
    assert asked.probabilities.keys() == {"liver"}
    assert np.array_equal(asked.probabilities["liver"] > FULL_PROBABILITY / 2, asked.labels == 1)
    assert np.array_equal(asked.labels, segment(box, model(), "cpu").labels)


def test_more_patches_than_anybody_waits_for_are_refused():
    crowded = Patches(spacing_mm=(1.0, 1.0, 1.0), size=(8, 8, 8), overlap=0.9)
    pixels = torch.zeros(1, 1, 60, 60, 60)
    with pytest.raises(UserError, match="would look at 148,877 parts of this volume"):
        sliding_window.predict_patches(pixels, crowded, Predictor(Thresholds3D(), cpu_placement()), Job())
