"""Seconds from a click to the lesion's segment standing in the scene, beside the network's bare forward pass.

    python Testing/benchmarks/click.py [--clicks N] [--model NAME] [--device auto|cpu|cuda:N]

On a phantom of 512 x 512 x 300 voxels (0.75 x 0.75 x 1 mm) with liver and lesions segmented, in real MRML, through the
panel's own jobs and a warm worker:

- handing over: the CT to the worker, with the model's first pass, once;
- new: a click into liver where no lesion is marked yet, until the segment holds the lesion;
- improved: a second click, outside, beside it;
- taken back: the second click again;
- table: measured anew after a click, which goes on behind it;
- forward: one pass of the network over one patch, the bare floor; a click takes four to six of them;
- memory of the worker beyond what it held with the CT, and at its peak.

What Slicer's views then take to draw is not in it.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

import numpy as np
import psutil
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.slicer_harness import application

from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.core.about import CLICK_MODEL
from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.models import model_folder, store

SHAPE, SPACING = (300, 512, 512), (1.0, 0.75, 0.75)
BESIDE_MM = 12.0
PAUSE_SECONDS = 0.002
PATIENCE = 600
MEGA = 1e6


class Scene:
    """A result in the scene, as a model leaves it, and the jobs that click into it."""

    def __init__(self, model: str, device: str) -> None:
        import slicer

        from LiverTumorSegLib.apps.panel.mrml_clicks import ClickSettings
        from LiverTumorSegLib.apps.panel.mrml_jobs import SceneJobs
        from LiverTumorSegLib.apps.panel.panel import Panel

        self.made = phantom.create(SHAPE, SPACING)
        affine = slicer.util.vtkMatrixFromArray(self.made.volume.affine)
        self.node = slicer.util.addVolumeFromArray(self.made.volume.voxels, affine, "CT")
        self.jobs, self.settings = SceneJobs(Panel(Worker())), ClickSettings(model, device)
        self.nodes = self._result()

    def _result(self) -> Any:
        from LiverTumorSegLib.apps.panel import mrml_segmentations
        from LiverTumorSegLib.apps.panel.mrml_results import FACTS, ResultNodes, new_table

        output = mrml_segmentations.SegmentOutput(one_each=False)
        segmentation = mrml_segmentations.create(self.node)
        names = mrml_segmentations.write(self.made.labels, self.node, segmentation, output)
        table = new_table(segmentation, self.node)
        options = {"coarse_pass": True, "batch": None, "postprocessing": {}, "precision": "auto"}
        run = {"model": "unet-lits", "labels": ["background", "liver", "lesion"], "device": "cpu", "notes": []}
        run |= {"label_warnings": [], "region": False, "seconds": 1.0, "options": options}
        facts = {"run": run, "warnings": [], "segments": names, "one_each": False, "marks": []}
        table.SetAttribute(FACTS, json.dumps(facts))
        nodes = ResultNodes(self.node, segmentation, table)
        self.seconds(lambda done: self.jobs.measure(nodes, lambda _: done()))
        return nodes

    def prepare(self) -> float:
        """Seconds until the worker has the CT and the model."""
        began = monotonic()
        self.jobs.clicks.prepare(self.node, self.settings)
        self._settle()
        return monotonic() - began

    def click(self, lesion: Any, clicks: tuple[Any, ...]) -> float:
        """Seconds from asking to the segment being there."""
        return self.seconds(lambda done: self.jobs.clicks.click(lesion, clicks, lambda *_: done(), self.settings))

    def seconds(self, ask: Callable[[Callable[[], None]], None]) -> float:
        """Seconds until what was asked is done."""
        ended: list[float] = []
        began = monotonic()
        ask(lambda: ended.append(monotonic()))
        self._settle()
        if not ended:
            raise SystemExit(self.jobs.panel.error + self.jobs.panel.details)
        return ended[0] - began

    def _settle(self) -> None:
        panel, until = self.jobs.panel, monotonic() + PATIENCE
        while not panel.settled and monotonic() < until:
            panel.poll()
            sleep(PAUSE_SECONDS)

    def places(self, count: int) -> list[tuple[int, int, int]]:
        """Voxels ``(i, j, k)`` of the liver, away from lesions and from each other."""
        random, chosen = np.random.default_rng(0), []
        liver = np.argwhere(self.made.labels[::4, ::8, ::8] == 1) * (4, 8, 8)
        while len(chosen) < count:
            k, j, i = liver[random.integers(len(liver))].tolist()
            near = [(slice(max(0, at - 20), at + 21)) for at in (k, j, i)]
            if not (self.made.labels[tuple(near)] == 2).any():
                chosen.append((i, j, k))
        return chosen

    def worker_bytes(self) -> int:
        """Resident memory of the worker."""
        return int(psutil.Process(self.jobs.panel.worker._run.child.pid).memory_info().rss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--model", default=CLICK_MODEL)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    application.start()
    try:
        measure(Scene(given.model, given.device), given.clicks, given.model, given.device)
    finally:
        application.stop()


def measure(scene: Scene, count: int, model: str, device: str) -> None:
    """Click, and print what it took."""
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickedInto
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    first = scene.prepare()
    before = scene.worker_bytes()
    taken: dict[str, list[float]] = {name: [] for name in ("new", "improved", "taken back", "forward")}
    most = before
    forward = forward_pass(model, device)
    for place in scene.places(count):
        beside = (place[0] + BESIDE_MM / SPACING[2], place[1], place[2])
        lesion = ClickedInto(LesionScene.of(scene.nodes), place)
        inside, outside = (
            ((float(place[0]), float(place[1]), float(place[2])), True),
            (tuple(map(float, beside)), False),
        )
        for name, clicks in (("new", (inside,)), ("improved", (inside, outside)), ("taken back", (inside,))):
            taken[name].append(scene.click(lesion, clicks))
            most = max(most, scene.worker_bytes())
        taken["forward"].append(forward())
    table = scene.seconds(lambda done: scene.jobs.measure(scene.nodes, lambda _: done()))
    floor = median(taken["forward"])
    print(f"handing over  {first:6.2f} s, once a CT")
    for name, seconds in taken.items():
        print(
            f"{name:13s} {median(seconds):6.3f} s, worst {max(seconds):.3f} s of {len(seconds)}, "
            f"{median(seconds) / floor:.1f} x one forward pass"
        )
    print(f"table         {table:6.2f} s, behind the click")
    print(
        f"memory        worker {before / MEGA:.0f} MB with the CT, at most {(most - before) / MEGA:+.0f} MB by clicks"
    )


def forward_pass(model: str, device: str) -> Callable[[], float]:
    """Measures one pass of the network over one patch, as the worker's."""
    loaded = model_folder.load(store.find_model(model))
    engine = Predictor(loaded.network, choose_device(device), 1)
    patch = torch.zeros(1, loaded.description.network.in_channels, *loaded.description.clicks.size)
    shown = patch.to(engine.placement.device, engine.placement.dtype)

    def one() -> float:
        began = perf_counter()
        with torch.inference_mode():
            engine(shown).float().cpu()
        return perf_counter() - began

    one()
    return one


if __name__ == "__main__":
    main()
