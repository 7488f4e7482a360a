"""Slices a second of a training, beside the bare training step and a plain MONAI pipeline, measured in one run.

    python Testing/benchmarks/training.py [--steps N] [--batch N] [--recipe FILE]

On phantoms that are made here, with the network, loss, optimiser, precision and crop of a recipe that ships:

- the bare step: forward, loss, backward and optimiser of one batch that stays the same, in a plain loop;
- ours: all that ``livertumorseg train`` does, with its sampler, augmentation, averaged weights, log and Lightning;
- MONAI: CacheDataset, DataLoader and the MONAI transforms that are nearest to our augmentation, with the bare step.

Then the share of a step of ours that each part beside it takes. Exits with 1 where ours makes less than 0.9 of the
slices of the bare step in the same time. CPU seconds are shown beside and decide nothing: they tell whether other
programs took the cores meanwhile. As it is, it takes less than three minutes on two cores that are free.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import monai.transforms as m
import torch
from monai.data import CacheDataset, DataLoader, set_track_meta
from segment import ratio
from torch.utils.data import RandomSampler

from LiverTumorSegLib.core.prefetch import PrefetchedBatches
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.datasets.prepare import prepare
from LiverTumorSegLib.datasets.slices import Patient
from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.distributed import ALONE
from LiverTumorSegLib.training.input_mode import input_mode_of
from LiverTumorSegLib.training.lightning_module import SliceSegmenter
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.patients import free_device_bytes, move_to_device
from LiverTumorSegLib.training.recipe import Recipe
from LiverTumorSegLib.training.resume import TrainingStart
from LiverTumorSegLib.training.trainer import TrainingRun
from LiverTumorSegLib.training.training_device import choose_training_device

BARE, OURS, MONAI = "bare step", "ours", "MONAI"
RECIPE = Path(recipes.__file__).parent / "recipes" / "unet-lits.yaml"
LEAST, PATIENTS, SPACING, WARM = 0.9, 4, (5.0, 0.75, 0.75), 2
ON_A_CPU = 8
WORKERS, AHEAD = 2, 2 * 2
"""Of the DataLoader, and batches that these have begun before one of them is asked for, as PyTorch has it."""


def patients(plan: Recipe) -> list[Patient]:
    """Phantoms of 16 slices, preprocessed as the recipe says."""
    made = []
    for seed in range(PATIENTS):
        one = phantom.create((16, 512, 512), SPACING, seed=seed)
        axial = one.volume.axial
        labels = torch.from_numpy(axial.of(one.labels).copy())
        pixels, marked = prepare(axial.of(one.volume.voxels), labels, SPACING, plan.preprocessing)
        made.append(Patient(f"volume-{seed}", torch.arange(16).numpy(), pixels, marked, SPACING[0], True))
    return made


class Steps:
    """Bare steps of a recipe's network, on batches from anywhere."""

    def __init__(self, plan: Recipe, device: torch.device) -> None:
        torch.manual_seed(plan.seed)
        self.segmenter = SliceSegmenter(plan, build_network(plan), []).to(device)
        schedule = plan.schedule
        self._optimiser = schedule.optimizer(self.segmenter.parameters(), schedule.learning_rate, schedule.weight_decay)
        self._half = schedule.precision == "bf16-mixed"
        self.device = device

    def __call__(self, batch: dict) -> None:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half):
            loss = self.segmenter.training_step(batch)
        loss.backward()
        self._optimiser.step()
        self._optimiser.zero_grad()


def on(device: torch.device, batch: dict) -> dict:
    return {name: one.to(device) if isinstance(one, torch.Tensor) else one for name, one in batch.items()}


def fixed_batch(plan: Recipe, those: list[Patient], device: torch.device) -> dict:
    drawn = on(device, next(iter(input_mode_of(plan).sampler(plan, those, 0))))
    return input_mode_of(plan).augmented(drawn)


def train(
    plan: Recipe, those: list[Patient], after_step: Callable, parts: dict[str, list[float]] | None = None
) -> None:
    """All of a training's course; ``parts`` gets what its parts took."""
    with tempfile.TemporaryDirectory() as folder:
        segmenter = SliceSegmenter(plan, build_network(plan), those)
        start = TrainingStart(Path(folder) / "model-log" / "version_0")
        device = choose_training_device(ALONE, "auto", print)
        place, job = (device, plan.schedule.precision), Job(lambda *_: after_step())
        course = TrainingRun(plan, segmenter, [], start, job, ALONE, place)
        batches = input_mode_of(plan).sampler(plan, those, 0)
        if parts is not None:
            batches = watched(course, segmenter, batches, parts)
        course.run(PrefetchedBatches(batches))


def watched(course: TrainingRun, segmenter: SliceSegmenter, batches, parts: dict[str, list[float]]) -> Iterator:
    def timed(name: str, work: Callable) -> Callable:
        def call(*arguments, **options):
            began = perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                parts.setdefault(name, []).append(perf_counter() - began)

        return call

    segmenter.on_after_batch_transfer = timed("augmentation", segmenter.on_after_batch_transfer)
    for callback in course._callbacks:
        callback.on_train_batch_end = timed(type(callback).__name__, callback.on_train_batch_end)
    return iter(timed("sampler, in its own thread", partial(next, iter(batches))), None)


def transforms(plan: Recipe) -> m.Compose:
    """The nearest that MONAI has to the recipe's augmentation, on images ``[slice, row, column]``."""
    ranges, both = plan.augmentation, ("image", "label")
    low, high = ranges.zoom
    return m.Compose(
        [
            m.RandAffined(
                both,
                prob=1,
                rotate_range=ranges.rotation / 57.3,
                shear_range=ranges.shear,
                translate_range=ranges.shift,
                scale_range=((1 / high - 1, 1 / low - 1),) * 2,
                spatial_size=(plan.crop, plan.crop),
                mode=("bilinear", "nearest"),
                padding_mode="reflection",
            ),
            m.RandSimulateLowResolutiond("image", prob=ranges.blur, upsample_mode="bilinear", zoom_range=(0.35, 0.8)),
            m.RandScaleIntensityd("image", ranges.gain, prob=1),
            m.RandShiftIntensityd("image", ranges.offset, prob=1),
            m.RandGaussianNoised("image", prob=1, std=ranges.noise),
            m.ThresholdIntensityd("image", 1, above=False, cval=1),
            m.ThresholdIntensityd("image", 0, above=True, cval=0),
        ]
    )


def monai_loader(plan: Recipe, those: list[Patient], count: int) -> DataLoader:
    """So many batches."""
    items = [
        {"image": one.stack(one.neighbours(at, plan.stack.spacing_mm, plan.stack.slices)), "label": label[None]}
        for one in those
        for at, label in enumerate(one.labels)
    ]
    cached, batch = CacheDataset(items, transforms(plan), progress=False), plan.schedule.batch
    sampler = RandomSampler(cached, replacement=True, num_samples=count * batch)
    return DataLoader(cached, WORKERS, batch_size=batch, sampler=sampler, prefetch_factor=AHEAD // WORKERS)


def as_ours(drawn: dict) -> dict:
    apart = torch.ones(len(drawn["image"]), dtype=torch.bool)
    return {"pixels": drawn["image"], "labels": drawn["label"][:, 0], "lesions_apart": apart}


class Clock:
    """Seconds on the wall, and of all of this process's threads."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.start()

    def start(self) -> None:
        self._began = self._now()

    def stop(self) -> None:
        wall, cpu = self._now()
        self.wall.append(wall - self._began[0])
        self.cpu.append(cpu - self._began[1])

    def _now(self) -> tuple[float, float]:
        if torch.cuda.is_available():  # which may still be at what came before
            torch.cuda.synchronize()
        return perf_counter(), process_time()


def ours_and_bare(plan: Recipe, those: list[Patient], device: torch.device) -> tuple[Clock, Clock]:
    """Each step of ours, and a bare one right after it: the speed of a shared machine drifts."""
    bare, batch = Steps(plan, device), fixed_batch(plan, those, device)
    ours, beside = Clock(), Clock()

    def after_step() -> None:
        ours.stop()
        torch.use_deterministic_algorithms(False)  # which ours pays for, and a plain loop does not
        beside.start()
        bare(batch)
        beside.stop()
        torch.use_deterministic_algorithms(True, warn_only=True)
        ours.start()

    train(plan, those, after_step)
    for clock in (ours, beside):
        del clock.wall[:WARM], clock.cpu[:WARM]
    return ours, beside


def monai_and_bare(plan: Recipe, those: list[Patient], device: torch.device) -> tuple[list[float], list[float]]:
    """Seconds of steps with MONAI's batches, and of bare ones once its workers are gone.

    Batches that the workers begin before the first step are used up untimed, so that each timed one was begun while
    steps were made; and there are as many more at the end, so that the workers have as much to do until then.
    """
    bare, other, batch = Steps(plan, device), Steps(plan, device), fixed_batch(plan, those, device)
    count = plan.schedule.steps
    monai, beside = Clock(), Clock()
    for _ in range(2):
        drawn = iter(monai_loader(plan, those, AHEAD + count + AHEAD))
        for made in islice(drawn, AHEAD):
            other(on(device, as_ours(made)))
        monai.start()
        for made in islice(drawn, count):
            other(on(device, as_ours(made)))
        monai.stop()
        del drawn
        beside.start()
        for _ in range(count):
            bare(batch)
        beside.stop()
    return [taken / count for taken in monai.wall], [taken / count for taken in beside.wall]


def show(name: str, taken: list[float], beside: list[float], batch: int) -> None:
    print(f"{name:10s}{batch / median(taken):8.1f} slices/s, {ratio(beside, taken):5.2f} of the {BARE} beside it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, help=f"the recipe's, or {ON_A_CPU} on a CPU")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    args = parser.parse_args()
    set_track_meta(False)
    changes = {"schedule.steps": args.steps + WARM, "validation": [], "callbacks": {"checkpoint_every": 0}}
    device = choose_training_device(ALONE, "auto", print)
    batch = args.batch or (ON_A_CPU if device.type == "cpu" else None)
    plan = recipes.load(args.recipe, changes | ({"schedule.batch": batch} if batch else {}))
    those = move_to_device(patients(plan), device, free_device_bytes(device), print)
    batch = plan.schedule.batch
    print(f"{plan.name}, {batch} slices a batch, on {device}")
    ours, bare = ours_and_bare(plan, those, device)
    show(OURS, ours.wall, bare.wall, batch)
    print(f"{'':10s}{ratio(bare.cpu, ours.cpu):26.2f} in CPU seconds")
    show(MONAI, *monai_and_bare(plan, those, device), batch)
    parts: dict[str, list[float]] = {}
    train(plan, those, lambda: None, parts)
    for name, taken in parts.items():
        print(
            f"  {name:26s}{median(taken) * 1000:8.1f} ms a step, {median(taken) / median(bare.wall):6.1%} of the {BARE}"
        )
    if ratio(bare.wall, ours.wall) < LEAST:
        sys.exit(f"Target missed: ours makes less than {LEAST} of the slices of the {BARE} in the same time.")
    print("Target met.")


if __name__ == "__main__":
    main()
