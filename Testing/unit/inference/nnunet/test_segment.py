from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from support import nnunet_reference as reference
from support.nnunet_models import write_banded_model
from support.volumes import reordered

from LiverTumorSegLib.core.device import DevicePlacement, cpu_placement
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.label_assembly import NotFinite
from LiverTumorSegLib.inference.nnunet import segment as running
from LiverTumorSegLib.inference.nnunet.export import NnUNetOutput
from LiverTumorSegLib.inference.nnunet.segment import label_volume
from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.nnunet.settings import Surroundings
from LiverTumorSegLib.networks import MeanOfFolds

OUTPUTS, EDGES = ("background", "lesion", "liver", "spleen"), (0.0, 80.0, 200.0)
PLACE = cpu_placement(precision="float32")


@pytest.fixture
def volume():
    """A block of liver with a lesion and a spleen, in air, on the very grid that the network knows."""
    voxels = np.full((24, 30, 36), -1000, np.int16)
    voxels[6:18, 6:24, 6:20] = 140
    voxels[9:14, 10:16, 10:15] = 40
    voxels[8:16, 8:20, 26:32] = 300
    return Volume(voxels, np.diag([-2.0, -2.0, 2.0, 1.0]))


def bands(folder, **changes):
    return model_folder.load(
        write_banded_model(folder / f"bands{len(list(folder.iterdir()))}", OUTPUTS, EDGES, **changes)
    )


def labelled(volume, model, arithmetic="exact", box=None, task=None, placement=PLACE, out=None, **options):
    out = out or NnUNetOutput(np.zeros(volume.voxels.shape, np.uint8))
    chosen = SegmentationOptions(nnunet=arithmetic, **options)
    place, notes = label_volume(out, volume, model, placement, chosen, task or Job(), box)
    return out.labels, place, notes


def expected(voxels):
    return np.array([0, 2, 1, 7], np.uint8)[np.digitize(voxels, EDGES)]


@pytest.mark.parametrize("arithmetic", ["exact", "fast"])
def test_labels_are_those_of_the_voxels(volume, tmp_path, arithmetic):
    labels, place, notes = labelled(volume, bands(tmp_path), arithmetic)
    assert np.array_equal(labels, expected(volume.voxels))
    assert place.dtype is torch.float32
    assert notes == []


@pytest.mark.parametrize("orientation", ["stored", "RAS"])
@pytest.mark.parametrize("transpose", [(0, 1, 2), (2, 0, 1)])
def test_labels_come_back_whichever_way_the_file_has_its_axes(volume, tmp_path, orientation, transpose):
    model = bands(tmp_path, orientation=orientation, transpose=transpose)
    turned = reordered(volume, (2, 0, 1), (True, False, True))
    assert np.array_equal(labelled(turned, model)[0], expected(turned.voxels))


def test_outside_of_a_box_nothing_is_looked_at(volume, tmp_path):
    box = slice(3, 20), slice(5, 30), slice(2, 22)
    told = []
    labels, _, _ = labelled(volume, bands(tmp_path), "fast", box, Job(lambda fraction, sentence: told.append(sentence)))
    inside = np.zeros(labels.shape, bool)
    inside[box] = True
    assert np.array_equal(labels, np.where(inside, expected(volume.voxels), 0))
    assert "Segmenting part 1 of 12" in told  # of 24 in all


def test_labels_on_another_grid_come_back_by_the_nearest_voxel(volume, tmp_path):
    model = bands(tmp_path, around=Surroundings(spacing_mm=(1.0, 1.0, 1.0)), spacing_mm=(1.0, 1.0, 1.0))
    wanted = expected(volume.voxels)
    within = ndimage.minimum_filter(wanted, 3) == ndimage.maximum_filter(wanted, 3)
    assert set(np.unique(wanted[within])) == {0, 1, 2, 7}
    assert np.array_equal(labelled(volume, model)[0][within], wanted[within])


def test_folds_are_averaged(volume, tmp_path):
    model = bands(tmp_path, folds=2)
    with torch.no_grad():  # twice as much background in one of them: half as much again in the mean
        model.network.folds[1].decoder.seg_layers[0].bias[0] += 100.0
    assert not labelled(volume, model)[0].any()
    one = replace(model, network=MeanOfFolds(list(model.network.folds[:1])))
    assert labelled(volume, one)[0].any()


def test_tiles_of_air_are_left_out_unless_all_is_to_be_exact(tmp_path):
    voxels = np.full((20, 20, 120), -1000, np.int16)
    voxels[4:16, 4:16, 4:12] = 140
    volume, model = Volume(voxels, np.diag([-2.0, -2.0, 2.0, 1.0])), bands(tmp_path)
    told = {}
    for arithmetic in ("exact", "fast"):
        parts = told.setdefault(arithmetic, [])
        labels, _, _ = labelled(
            volume, model, arithmetic, task=Job(lambda fraction, sentence, parts=parts: parts.append(sentence))
        )
        assert np.array_equal(labels, expected(voxels))
    parts = {name: [each for each in all_told if "part" in each] for name, all_told in told.items()}
    assert len(parts["exact"]) == 56
    assert len(parts["fast"]) == 8


def test_of_air_alone_nothing_is_found(tmp_path):
    air = Volume(np.full((20, 20, 20), -1000, np.int16), np.diag([-2.0, -2.0, 2.0, 1.0]))
    out = NnUNetOutput(np.zeros(air.voxels.shape, np.uint8), {"liver": np.zeros(air.voxels.shape, np.uint16)})
    labelled(air, bands(tmp_path), "fast", out=out)
    assert not out.labels.any()
    assert out.probabilities["liver"].max() < FULL_PROBABILITY / 1000


def test_progress_rises_and_every_step_can_be_cancelled(volume, tmp_path):
    model, told = bands(tmp_path, folds=2), []
    labelled(volume, model, task=Job(lambda fraction, sentence: told.append((fraction, sentence))))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert {sentence.split(" part")[0] for _, sentence in told} == {"Preprocessing", "Segmenting", "Writing labels"}
    for stop in ("Preprocessing", "Segmenting part 7", "Writing labels"):
        cancel = CancelToken()

        def progress(fraction, sentence, stop=stop, cancel=cancel):
            if sentence.startswith(stop):
                cancel.cancel()

        with pytest.raises(Cancelled):
            labelled(volume, model, task=Job(progress, cancel))


def as_if_on_a_gpu():
    """The CPU under a name that is not the last resort's."""
    return DevicePlacement(torch.device("cpu", 0), torch.float64, 1)


def failing(monkeypatch, at, error):
    """Have the network fail at some of its passes."""
    passes, usual = [], running.Predictor.__call__

    def call(self, channels):
        passes.append(self.placement.device)
        if len(passes) in at:
            raise error
        return usual(self, channels)

    monkeypatch.setattr(running.Predictor, "__call__", call)
    return passes


@pytest.mark.parametrize("folds", [1, 2])
def test_a_device_that_fails_is_left_for_the_cpu(volume, tmp_path, monkeypatch, folds):
    model = bands(tmp_path, folds=folds)
    failing(monkeypatch, {24 * (folds - 1) + 9}, RuntimeError("CUDA error: unspecified launch failure"))
    labels, place, notes = labelled(volume, model, "fast", placement=as_if_on_a_gpu())
    assert np.array_equal(labels, expected(volume.voxels))
    assert place.device == torch.device("cpu")
    assert len(notes) == 1
    assert "going on on the CPU" in notes[0]


def test_where_memory_runs_out_the_cpu_goes_on(volume, tmp_path, monkeypatch):
    failing(monkeypatch, {4}, torch.OutOfMemoryError("CUDA out of memory"))
    labels, _, notes = labelled(volume, bands(tmp_path), "fast", placement=as_if_on_a_gpu())
    assert np.array_equal(labels, expected(volume.voxels))
    assert notes == ["cpu:0 ran out of memory even for one part: going on on the CPU."]


def test_where_a_device_cannot_take_the_network_the_cpu_does(volume, tmp_path, monkeypatch):
    usual = running.Predictor.__init__

    def load(self, network, placement, *rest, **more):
        if placement.dtype is torch.float64:
            msg = "CUDA error: device-side assert triggered"
            raise RuntimeError(msg)
        usual(self, network, placement, *rest, **more)

    monkeypatch.setattr(running.Predictor, "__init__", load)
    labels, place, notes = labelled(volume, bands(tmp_path), "fast", placement=as_if_on_a_gpu())
    assert np.array_equal(labels, expected(volume.voxels))
    assert place.device == torch.device("cpu")
    assert notes == ["cpu:0 stopped working (CUDA error: device-side assert triggered): running on the CPU."]


def test_too_little_memory_is_said_in_a_sentence(volume, tmp_path, monkeypatch):
    def starve(*_):
        raise MemoryError

    monkeypatch.setattr(running, "prepare", starve)
    with pytest.raises(UserError, match="not enough memory for this volume"):
        labelled(volume, bands(tmp_path))


def test_numbers_that_are_not_finite_are_refused(volume, tmp_path):
    model = bands(tmp_path)
    with torch.no_grad():
        model.network.folds[0].decoder.seg_layers[0].bias[1] = float("nan")
    for arithmetic in ("exact", "fast"):
        with pytest.raises(NotFinite):
            labelled(volume, model, arithmetic)


def test_where_a_device_chose_too_narrow_numbers_all_is_done_again_in_float32(volume, tmp_path, monkeypatch):
    narrow = replace(as_if_on_a_gpu(), dtype=torch.float16)
    usual = running.Predictor.__call__

    def call(self, channels):
        found = usual(self, channels.float()) if channels.dtype is torch.float32 else channels.float() * torch.inf
        return found.expand(-1, len(OUTPUTS), -1, -1, -1).clone()

    monkeypatch.setattr(running.Predictor, "__call__", call)
    labels, place, notes = labelled(volume, bands(tmp_path), "fast", placement=narrow)
    assert np.array_equal(labels, expected(volume.voxels))
    assert place.dtype is torch.float32
    assert notes == ["cpu:0 gave numbers that are not finite in float16: the CT was segmented again in float32."]


def test_exact_is_float32_on_a_cpu_whatever_it_has():
    name = "smaller_than_the_patch"
    ct, model = reference.ct(name), reference.model(name)
    labels, place, _ = labelled(ct, model, placement=cpu_placement(precision="bfloat16"))
    assert place.dtype is torch.float32
    assert np.array_equal(labels, reference.labels(name))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 3), (3, 1, 50)])
@pytest.mark.parametrize("arithmetic", ["exact", "fast"])
def test_a_ct_may_be_a_voxel_thin(tmp_path, shape, arithmetic):
    thin = Volume(np.full(shape, 140, np.int16), np.diag([-2.5, -1.0, 7.0, 1.0]))
    for more in ({}, {"around": Surroundings(spacing_mm=(3.0, 3.0, 3.0))}, {"patch": (8, 8), "spacing_mm": (2.0, 2.0)}):
        assert (labelled(thin, bands(tmp_path, **more), arithmetic)[0] == 1).all()
