import weakref

import pytest
import torch
from support.fake_gpus import FakeGpu, put_gpus
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.core import device, device_loss
from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.predictor import Predictor, fuse_normalisation

CPU = device.cpu_placement()


class NeedsMultiple(networks.SliceNetwork):
    stride = 16

    def __init__(self):
        super().__init__(1, 1)

    def logits(self, slices):
        assert slices.shape[-1] % 16 == 0
        assert slices.shape[-2] % 16 == 0
        return slices


@pytest.mark.parametrize("size", [(16, 32), (17, 31), (1, 1), (500, 511)])
def test_slices_are_padded_for_the_network_and_cut_back(size):
    slices = torch.rand(2, 1, *size).to(CPU.dtype)
    assert torch.equal(Predictor(NeedsMultiple(), CPU)(slices), slices)


@pytest.mark.parametrize(
    ("name", "options", "left"),
    [
        ("unet", {"features": [4, 4, 8, 8, 8, 4]}, 0),
        ("segnet", {"features": [4, 4, 4, 8, 8]}, 0),
        ("resnet18", {"width": 8}, 4),  # behind transposed convolutions
        ("attention_unet", {"features": [4, 4, 4, 8, 8]}, 0),
    ],
)
def test_folding_batch_normalisation_changes_nothing_but_the_time(name, options, left):
    torch.manual_seed(0)
    network = networks.create(name, 1, 3, **options)
    for _ in range(2):
        network(torch.rand(2, 1, 64, 64) * 3)  # so that the running statistics are not those of a new network
    network.eval()
    slices = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        before = network(slices)
        after = Predictor(network, DevicePlacement(torch.device("cpu"), torch.float32, 8))(slices)
    assert torch.allclose(before, after, atol=1e-4 * float(before.abs().max()))
    assert count_normalisations(network) > 0
    assert count_normalisations(fuse_normalisation(network)) == left


def count_normalisations(network):
    return sum(isinstance(part, nn.BatchNorm2d) for part in network.modules())


def test_out_of_memory_halves_the_batch_then_goes_to_the_cpu():
    gpu = DevicePlacement(torch.device("meta"), torch.float32, 3)
    engine = Predictor(NeedsMultiple(), gpu)
    error = torch.OutOfMemoryError("CUDA out of memory")
    engine.recover(error)
    assert engine.batch == 1
    engine.recover(error)
    assert engine.placement == device.cpu_placement()
    assert [note.split(":")[0] for note in engine.notes] == [
        "meta ran out of memory",
        "meta ran out of memory even for one slice",
    ]


def test_a_cpu_without_memory_for_one_slice_is_an_error_in_words():
    engine = Predictor(NeedsMultiple(), CPU, batch=1)
    with pytest.raises(UserError, match="not enough memory for a single slice"):
        engine.recover(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"))


@pytest.mark.parametrize("kind", [torch.AcceleratorError, RuntimeError])
def test_a_gpu_that_fails_hands_over_to_the_cpu_once(kind):
    engine = Predictor(NeedsMultiple(), DevicePlacement(torch.device("meta"), torch.float32, 3))
    error = kind("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported at some other call")
    engine.recover(error)
    assert engine.placement == device.cpu_placement()
    assert engine.notes == ["meta stopped working (CUDA error: unspecified launch failure): going on on the CPU."]
    with pytest.raises(kind, match="unspecified launch failure"):  # else it would be asked again for ever
        engine.recover(error)


@pytest.mark.parametrize(
    "words",
    [
        "FIND was unable to find an engine to execute this computation",
        "GET was unable to find an engine to execute this computation",
        "Unable to find a valid cuDNN algorithm to run convolution",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_memory_in_disguise_halves_the_batch_and_is_a_failed_gpu_at_one_slice(words):
    engine = Predictor(NeedsMultiple(), DevicePlacement(torch.device("meta"), torch.float32, 4))
    for batch in (2, 1):
        engine.recover(RuntimeError(words))
        assert engine.batch == batch
        assert engine.notes[-1] == f"meta ran out of memory: going on with {batch} slices a batch."
    engine.recover(RuntimeError(words))
    assert engine.notes[-1] == f"meta stopped working ({words}): going on on the CPU."


def test_the_cpu_takes_over_precision_and_not_the_batch():
    gpu = DevicePlacement(torch.device("meta"), torch.float32, 32, precision="float32")
    engine = Predictor(NeedsMultiple(), gpu)
    engine.recover(torch.AcceleratorError("CUDA error: unspecified launch failure"))
    assert (engine.placement.dtype, engine.batch) == (torch.float32, CPU.batch)


def test_a_batch_that_the_user_chose_stays_on_the_cpu():
    engine = Predictor(NeedsMultiple(), DevicePlacement(torch.device("meta"), torch.float32, 32), batch=5)
    engine.recover(torch.AcceleratorError("CUDA error: unspecified launch failure"))
    assert engine.batch == 5


@pytest.mark.parametrize("asked", [1, 32])
def test_a_batch_that_a_gpu_had_no_memory_for_is_no_larger_than_usual_on_the_cpu(asked):
    engine = Predictor(NeedsMultiple(), DevicePlacement(torch.device("meta"), torch.float32, 32), batch=asked)
    while engine.placement.device.type == "meta":
        engine.recover(torch.OutOfMemoryError("CUDA out of memory"))
    assert engine.batch == min(asked, CPU.batch)


def test_the_cpu_does_not_hand_over_to_itself():
    engine = Predictor(NeedsMultiple(), device.cpu_placement("cuda:0 has too little memory.", "float32"), batch=1)
    with pytest.raises(UserError, match="not enough memory for a single slice"):
        engine.recover(MemoryError())
    assert engine.notes == ["cuda:0 has too little memory."]


def test_nothing_of_a_batch_that_failed_is_kept_while_it_is_mended():
    engine = Predictor(NeedsMultiple(), DevicePlacement(torch.device("meta"), torch.float32, 2))
    seen = []

    def work(numbers):
        large = torch.zeros(3)
        seen.append(weakref.ref(large))
        if len(numbers) > 1:
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)
        return len(numbers)

    engine.free_memory = lambda: seen.append(seen[0]() is None)
    assert list(engine.in_batches(range(2), work)) == [1, 1]
    assert seen[1] is True


def test_what_is_neither_memory_nor_the_gpu_is_raised_as_it_is():
    engine = Predictor(NeedsMultiple(), DevicePlacement(torch.device("meta"), torch.float32, 3))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        engine.recover(RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"))
    assert engine.notes == []


GIGABYTE = 10**9


@pytest.fixture
def free(monkeypatch):
    """Sets the free bytes of the one GPU."""

    def put(count):
        put_gpus(monkeypatch, FakeGpu(free=count))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)

    return put


def batch_on(network, asked=None):
    engine = Predictor(network, CPU, asked)
    engine.placement = DevicePlacement(torch.device("cuda:0"), torch.bfloat16, 32)
    engine.batch = asked or 32
    engine.fit_batch((512, 512))
    return engine.batch


@pytest.mark.parametrize(("count", "batch"), [(80, 32), (6.5, 32), (4, 16), (0.4, 2), (0.01, 1)])
def test_the_batch_follows_from_what_a_slice_takes_and_what_is_free(free, count, batch):
    free(int(count * GIGABYTE))
    network = networks.create("unet", 3, 3, features=[16, 32, 64, 128, 256, 16]).eval()
    assert batch_on(network) == batch


def test_a_little_more_or_less_free_memory_makes_no_other_batch(free):
    network = networks.create("unet", 3, 3).eval()
    batches = []
    for count in (4.0, 4.1, 4.2):
        free(int(count * GIGABYTE))
        batches.append(batch_on(network))
    assert len(set(batches)) == 1


def test_a_batch_that_the_user_chose_is_kept_on_a_gpu(free):
    free(10**6)
    assert batch_on(networks.create("unet", 3, 3).eval(), asked=7) == 7


def test_the_cpus_batch_is_its_own():
    engine = Predictor(networks.create("unet", 3, 3).eval(), CPU)
    engine.fit_batch((512, 512))
    assert engine.batch == CPU.batch


@pytest.mark.parametrize(("answers", "lost"), [(True, False), (False, True)])
def test_a_gpu_that_failed_is_lost_where_it_answers_nothing_more(monkeypatch, answers, lost):
    def synchronize(_):
        if not answers:
            msg = "CUDA error: device-side assert triggered"
            raise torch.AcceleratorError(msg)

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    engine = Predictor(NeedsMultiple(), CPU)
    engine.placement = DevicePlacement(torch.device("cuda:0"), torch.bfloat16, 32)
    engine.recover(torch.AcceleratorError("CUDA error: device-side assert triggered"))
    assert device_loss.has_lost_device() is lost
    device_loss.forget_losses()


def test_a_network_stays_on_an_accelerator_from_one_case_to_the_next():
    network = networks.create("unet", 1, 1, features=[4] * 6).eval()
    gpu = DevicePlacement(torch.device("meta"), torch.float32, 2)
    first, second = (Predictor(network, gpu)._network for _ in range(2))
    assert first is second
    assert Predictor(network, DevicePlacement(torch.device("meta"), torch.float16, 2))._network is not first
    with torch.no_grad():
        next(network.parameters()).add_(1)
    assert Predictor(network, gpu)._network is not first


def test_on_a_cpu_nothing_is_kept_of_a_case():
    network = networks.create("unet", 1, 1, features=[4] * 6).eval()
    first = Predictor(network, CPU)._network
    assert Predictor(network, CPU)._network is not first


@pytest.mark.parametrize(("dtype", "multiplies"), [(torch.float32, "ieee"), (torch.bfloat16, "tf32")])
def test_whoever_asks_float32_is_whole_and_convolutions_repeat_themselves(dtype, multiplies):
    """Validations during a training ask without :func:`.segment.segment`."""
    seen = []

    class Watching(NeedsMultiple):
        def logits(self, slices):
            seen.append((torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.deterministic))
            return slices

    gpu = DevicePlacement(torch.device("meta"), dtype, 2)
    Predictor(Watching(), gpu)(torch.empty(1, 1, 16, 16, dtype=dtype, device="meta"))
    assert seen == [(multiplies, True)]
    assert not torch.backends.cudnn.deterministic
