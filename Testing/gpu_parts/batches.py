"""What is computed several at a time or sent in one piece: parts of a volume, training batches, upsampling."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter

import torch
from support.models import describe
from support.training_cases import make_data, make_volumes, recipe_with, volume_recipe
from torch.nn import functional as F

from gpu_parts import Found, Setting
from gpu_parts.cases import livers_alike, make_ct
from LiverTumorSegLib import networks
from LiverTumorSegLib.core.arithmetic import deterministic_torch
from LiverTumorSegLib.core.prefetch import PrefetchedBatches
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.models.description import NetworkSpec, Patches
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.networks.upsampling import double_bilinear
from LiverTumorSegLib.training import patients
from LiverTumorSegLib.training.input_mode import input_mode_of
from LiverTumorSegLib.training.recipe import Recipe

_SAME = 1e-3
"""Share of pixels that may differ from the CPU's: those beside an edge, which rounding moves."""

_TINT = 1e-3
"""By how much a pixel may differ in parts of the window."""

_EVERYTHING = "augmentation={synthetic_lesions: {share: 1.0}, elastic: 2, gamma: 0.2, blur: 0.5}"


class _Brighter(networks.SliceNetwork):
    """Liver where it is bright, behind a convolution that a batch may have an algorithm of its own for."""

    axes = 3
    source = "none"

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.mean = torch.nn.Conv3d(1, 1, 3, padding=1, bias=False)
        torch.nn.init.constant_(self.mean.weight, 1 / 27)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        return (self.mean(slices) - 0.5) * 20


def parts_of_a_volume(setting: Setting) -> Found:
    """As many as fit against one at a time, with the same sums."""
    spec = NetworkSpec(name="unet3d", in_channels=1, classes=1)
    patches = Patches(spacing_mm=(4.0, 3.0, 3.0), size=(16, 32, 32))
    model = Model(describe(network=spec, labels=("background", "liver"), patches=patches), _Brighter())
    ct, figures = make_ct(setting), {}
    results = []
    for name, batch in (("one at a time", 1), ("as many as fit", None)):
        options = SegmentationOptions(batch=batch, precision="float32")
        segment(ct, model, setting.device, options=options)  # warms up
        results.append(segment(ct, model, setting.device, options=options))
        figures[f"{name}: seconds"] = results[-1].seconds
        figures[f"{name}: notes"] = " ".join(results[-1].notes) or "none"
    alike = livers_alike(*results)
    figures["same bytes"] = bool((results[0].labels == results[1].labels).all())
    return Found(f"Several parts of a volume at a time give the liver that one gives (Dice {alike:.4f}).", figures)


def training_batches(setting: Setting) -> Found:
    """Batches as a training draws and changes them, on the GPU and on the CPU, without a wait but in the first."""
    slices, volumes = setting.folder / "slices", setting.folder / "volumes"
    plans = (
        ("slices", recipe_with(setting.folder, "schedule.batch=8", _EVERYTHING), make_data(slices)),
        ("volumes", volume_recipe(setting.folder, "schedule.batch=4"), make_volumes(volumes)),
    )
    figures: dict[str, object] = {}
    for name, plan, data in plans:
        found = patients.read(plan, data, setting.folder / "cache", say=lambda _: None, job=Job())
        apart = [_compare(setting, plan, drawn, first=not number) for number, drawn in _drawn(setting, plan, found)]
        figures[f"{name}: share of pixels apart"] = max(pixels for pixels, _ in apart)
        figures[f"{name}: share of labels apart"] = max(labels for _, labels in apart)
    wrong = [name for name, share in figures.items() if not share <= _SAME]
    assert not wrong, f"These differ from the CPU's batches in more than {_SAME:.1%}: {', '.join(wrong)}."
    return Found("Training batches are the CPU's, and nothing in them is waited for.", figures)


def _drawn(setting: Setting, plan: Recipe, found: patients.Patients) -> Iterator[tuple[int, dict]]:
    sampler = input_mode_of(plan).sampler(plan, found.train, 0)
    return enumerate(islice(PrefetchedBatches(sampler, pinned=setting.place.type == "cuda", threads=4), 4))


def _compare(setting: Setting, plan: Recipe, drawn: dict, *, first: bool) -> tuple[float, float]:
    from lightning.fabric.utilities import move_data_to_device

    augmented = input_mode_of(plan).augmented
    wanted, there = augmented(drawn), move_data_to_device(drawn, setting.place)
    with deterministic_torch(), _no_waits(setting, allowed=first):
        made = augmented(there)
    pixels = (made["pixels"].cpu() - wanted["pixels"]).abs() > _TINT
    return float(pixels.double().mean()), float((made["labels"].cpu() != wanted["labels"]).double().mean())


@contextmanager
def _no_waits(setting: Setting, *, allowed: bool) -> Iterator[None]:
    """Have PyTorch raise an error where the host waits for the GPU."""
    if setting.place.type != "cuda" or allowed:
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def upsampling(setting: Setting) -> Found:
    """Ours against PyTorch's on the CPU, and against its deterministic one in time."""
    features, figures = torch.rand(2, 16, *([24] * 2 if setting.small else [128] * 2)), {}
    wanted = _with_gradient(_by_pytorch, features)
    with deterministic_torch():
        for name, double in (("ours", double_bilinear), ("PyTorch's", _by_pytorch)):
            _with_gradient(double, features.to(setting.place))  # warms up
            began = perf_counter()
            made = [one.cpu() for one in _with_gradient(double, features.to(setting.place))]
            figures[f"{name}: milliseconds"] = 1000 * (perf_counter() - began)
            furthest = max(float((one - other).abs().max()) for one, other in zip(made, wanted, strict=True))
            figures[f"{name}: furthest from the CPU"] = furthest
            assert furthest < 0.01, f"{name} upsampling differs from the CPU's by {furthest:.2g}."
    return Found("Upsampling and its gradient are the CPU's.", figures)


def _by_pytorch(features: torch.Tensor) -> torch.Tensor:
    return F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


def _with_gradient(double: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor) -> list[torch.Tensor]:
    features = features.clone().requires_grad_()
    finer = double(features)
    finer.square().sum().backward()
    return [finer.detach(), features.grad]
