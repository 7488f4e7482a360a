"""Seconds and memory of a segmentation, as ratios to references measured in the same run.

    python Testing/benchmarks/segment.py [--repeats N] [--device auto|cpu|cuda:N]

On a phantom of 512 x 512 x 160 voxels (0.75 x 0.75 x 1.5 mm), from the .nii.gz to the .seg.nrrd file and lesion table:

- the floor: the first network's bare forward passes over all slices, in the engine's precision and batch;
- the first network alone, without the second's closer look at the liver;
- a plain MONAI pipeline with the same weights: SliceInferer with sw_batch_size 1 and 16, float32 and bfloat16
  (without clean-up, which costs it Dice but no time);
- peak host memory (Linux) of a process that segments, beyond one that only imports torch, in sizes of the int16 volume.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from monai.inferers import SliceInferer
from monai.transforms import Resize, ScaleIntensityRange

from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.core.host_memory import reusing_freed_memory
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models import store as model_store
from LiverTumorSegLib.reporting import lesions

FLOOR, FULL, COARSE, FIRST = "bare forward", "every slice", "coarse pass, then box", "the same, first alone"
SHAPE, SPACING = (160, 512, 512), (1.5, 0.75, 0.75)
_PEAK = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"


def in_turns(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each action in each round; taken in turns, since the speed of a shared machine drifts."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(repeats + 1):
        for name, action in actions.items():
            began = perf_counter()
            action()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if round_:  # the first round warms up
                seconds[name].append(perf_counter() - began)
    return seconds


def ratio(one: list[float], other: list[float]) -> float:
    """Median of the ratios round by round."""
    return median(a / b for a, b in zip(one, other, strict=True))


def end_to_end(source: Path, loaded: model_folder.Model, device: str, *, coarse: bool) -> np.ndarray:
    volume = volumes.read_volume(source)
    result = segment(volume, loaded, device, options=SegmentationOptions(coarse_pass=coarse))
    lesions.measure_lesions(result.labels, volume)
    volumes.write_labels(source.with_name("out.seg.nrrd"), result.labels, volume, overwrite=True)
    return result.labels


@torch.inference_mode()
def bare_forward(source: Path, loaded: model_folder.Model, device: str) -> Callable[[], None]:
    volume = volumes.read_volume(source)
    engine = Predictor(loaded.network, choose_device(device))
    store = SliceCache(volume.axial.of(volume.voxels), volume.axial.spacing, loaded.description, engine.placement)
    batches = [
        store.channels(range(start, min(start + engine.batch, SHAPE[0])), engine.placement)
        for start in range(0, SHAPE[0], engine.batch)
    ]

    @torch.inference_mode()
    def run() -> None:
        with reusing_freed_memory():  # as segmenting does: without it the floor would be higher than what stands on it
            for batch in batches:
                engine(batch)

    return run


def plain_monai(source: Path, loaded: model_folder.Model, device: str, batch: int, dtype: torch.dtype) -> np.ndarray:
    """What one would write with MONAI: scale, resize, stack neighbours as channels, infer by slice, argmax, resize."""
    volume = volumes.read_volume(source)
    target = choose_device(device).device
    network = loaded.network.to(target)
    scale = ScaleIntensityRange(-40, 160, 0, 1, clip=True)
    size = [
        round(n * mm / loaded.description.preprocessing.spacing_mm)
        for n, mm in zip(SHAPE[1:], SPACING[1:], strict=True)
    ]
    small = Resize((SHAPE[0], *size), mode="trilinear", align_corners=False)(
        scale(volume.voxels[None].astype(np.float32))
    )
    offsets = loaded.description.stack.offsets(SPACING[0])
    numbers = np.add.outer(offsets, np.arange(SHAPE[0])).clip(0, SHAPE[0] - 1)
    stack = torch.as_tensor(small)[0][torch.from_numpy(numbers)][None].to(target)
    inferer = SliceInferer(roi_size=size, sw_batch_size=batch, spatial_dim=0)
    with torch.inference_mode(), torch.autocast(target.type, dtype, enabled=dtype != torch.float32):
        labels = inferer(stack, network).argmax(dim=1).cpu()
    large = Resize(SHAPE, mode="nearest")(labels.float()).numpy()[0].astype(np.uint8)
    loaded.network.to("cpu")
    volumes.write_labels(source.with_name("out.seg.nrrd"), large, volume, overwrite=True)
    return large


def peak_memory(code: str) -> int:
    """Largest resident size of a new process that runs this code, in bytes."""
    return int(subprocess.check_output([sys.executable, "-c", f"{code}\n{_PEAK}"], text=True).split()[-1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    loaded, made = model_folder.load(model_store.find_model()), phantom.create(SHAPE, SPACING)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "ct.nii.gz"
        write_volume(source, made.volume)
        size = " x ".join(map(str, SHAPE[::-1]))
        print(f"{size} voxels on {choose_device(args.device)}, medians of {args.repeats} rounds")
        times(source, loaded, made.labels, args.device, args.repeats)
        memory(source, made.volume.voxels.nbytes, args.device)


def times(source: Path, loaded: model_folder.Model, truth: np.ndarray, device: str, repeats: int) -> None:
    actions: dict[str, Callable[[], object]] = {FLOOR: bare_forward(source, loaded, device)}
    actions[FULL] = lambda: end_to_end(source, loaded, device, coarse=False)
    actions[COARSE] = lambda: end_to_end(source, loaded, device, coarse=True)
    alone = replace(loaded, description=loaded.description.model_copy(update={"closer": None}), closer=None)
    actions[FIRST] = lambda: end_to_end(source, alone, device, coarse=True)
    for dtype in (torch.float32, torch.bfloat16):
        for batch in (1, 16):
            name = f"MONAI, {str(dtype).removeprefix('torch.')}, {batch}"
            actions[name] = lambda b=batch, d=dtype: plain_monai(source, loaded, device, b, d)
    livers = {name: dice(run() > 0, truth > 0) for name, run in actions.items() if name != FLOOR}
    seconds = in_turns(actions, repeats)
    for name, taken in seconds.items():
        liver = f"liver Dice {livers[name]:.4f}" if name in livers else ""
        floor, coarse = ratio(taken, seconds[FLOOR]), ratio(taken, seconds[COARSE])
        print(f"{name:22s} {median(taken):7.2f} s {floor:6.2f} x bare forward {coarse:6.2f} x coarse pass  {liver}")


def memory(source: Path, volume_bytes: int, device: str) -> None:
    base = peak_memory("import torch")
    work = (
        "from pathlib import Path; from LiverTumorSegLib.io import nifti, volumes\n"
        "from LiverTumorSegLib.inference.segment import SegmentationOptions, segment\n"
        "from LiverTumorSegLib.models import model_folder, store; from LiverTumorSegLib.reporting import lesions\n"
        f"source = Path({str(source)!r}); volume = volumes.read_volume(source)\n"
        "loaded, options = model_folder.load(store.find_model()), SegmentationOptions(coarse_pass=COARSE)\n"
        f"result = segment(volume, loaded, {device!r}, options=options)\n"
        "lesions.measure_lesions(result.labels, volume)\n"
        "volumes.write_labels(source.with_name('out.nii.gz'), result.labels, volume, overwrite=True)"
    )
    for coarse in (False, True):
        extra = peak_memory(work.replace("COARSE", str(coarse))) - base
        name = "coarse pass, then box" if coarse else "every slice"
        print(
            f"{name:30s}  {extra / 1e6:7.0f} MB beyond importing torch, {extra / volume_bytes:.2f} x the int16 volume"
        )


if __name__ == "__main__":
    main()
