"""Seconds, cancelling and leaks of the panel with its warm worker, against the headless library in the same run.

    python Testing/benchmarks/worker.py [--repeats N] [--runs N] [--device auto|cpu|cuda:N]

On a phantom of 512 x 512 x 160 voxels (0.75 x 0.75 x 1.5 mm), clicked in the test harness (real Qt, real MRML):

- headless: from the .nii.gz file to the .seg.nrrd file and the lesion table, in a process that has everything loaded;
  in memory: segment() and the lesion table alone;
- opening: until the panel stands, and the processes that it started, as it is and with *Start with the panel*, which is
  as it was before; then the first click after each;
- first click: no worker yet, until segments and table stand in the scene, then until their surface does; second click:
  the same again;
- cancel: from the click on Cancel to the panel being idle, at moments spread over the run on every slice;
- runs in a row on a small phantom: memory of worker and panel, processes and files that stay.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.slicer_harness import application

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder, store
from LiverTumorSegLib.reporting import lesions

MODULE = Path(__file__).resolve().parents[2] / "LiverTumorSeg" / "LiverTumorSeg.py"
SHAPE, SPACING = (160, 512, 512), (1.5, 0.75, 0.75)
SMALL_SHAPE, SMALL_SPACING = (40, 96, 112), (6.0, 4.0, 4.0)
MOMENTS = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.88)
PATIENCE = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    application.start()
    application.load_module(MODULE)
    slicer_says_yes()
    try:
        openings(args.device, args.repeats)
        clicks(args.device, args.repeats)
        cancels()
        leaks(args.runs)
    finally:
        application.stop()


def slicer_says_yes() -> None:
    """The licence of the weights is known."""
    import slicer

    slicer.util.confirmYesNoDisplay = lambda *_, **__: True


def openings(device: str, repeats: int) -> None:
    """Seconds and memory of opening the panel, and seconds of the first click after it, in turns."""
    volume, key = phantom.create(SHAPE, SPACING).volume, "LiverTumorSeg/StartOnOpening"
    taken = {name: {"opening": [], "first click": [], "megabytes": []} for name in ("at the click", "with the panel")}
    import slicer

    for _ in range(repeats):
        for name, seen in taken.items():
            slicer.app.userSettings().setValue(key, "yes" if name == "with the panel" else "")
            began = monotonic()
            widget = opened(volume, device)
            seen["opening"].append(monotonic() - began)
            if name == "with the panel":
                wait(lambda w=widget: w.logic.panel.devices)
            children = psutil.Process().children(recursive=True)
            seen["megabytes"].append(sum(child.memory_info().rss for child in children) / 1e6)
            seen["first click"].append(click(widget)[0])
            application.close_module(widget)
    slicer.app.userSettings().setValue(key, "")
    for name, seen in taken.items():
        said = ", ".join(f"{what} {median(values):.2f}" for what, values in seen.items())
        print(f"worker starts {name}: {said}")


def opened(volume, device="auto"):
    """The panel with this CT chosen, before anything was started."""
    import slicer

    slicer.mrmlScene.Clear(0)
    widget = application.open_module("LiverTumorSeg")
    affine = slicer.util.vtkMatrixFromArray(volume.affine)
    widget.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(volume.voxels, affine, "CT"))
    widget.logic.getParameterNode().device = device
    return widget


def click(widget) -> tuple[float, float]:
    """Seconds from the click to segments and table standing in the scene, and to the surface in 3D."""
    panel, shown, began = widget.logic.panel, [], monotonic()
    note = lambda: shown.append(monotonic() - began) if panel.state is PanelState.DONE else None  # noqa: E731
    panel.changed.append(note)
    widget.ui.segmentButton.click()
    wait(lambda: panel.settled)
    panel.changed.remove(note)
    if panel.error:
        raise SystemExit(panel.error + panel.details)
    return shown[0], monotonic() - began


def wait(condition) -> None:
    if not application.wait_until(condition, PATIENCE):
        raise SystemExit(f"waited {PATIENCE} s in vain")  # noqa: EM102


def clicks(device: str, repeats: int) -> None:
    volume, loaded = phantom.create(SHAPE, SPACING).volume, model_folder.load(store.find_model())
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "ct.nii.gz"
        write_volume(source, volume)
        actions = {
            "headless": lambda: headless(source, loaded, device),
            "in memory": lambda: in_memory(volume, loaded, device),
        }
        for action in actions.values():
            action()  # warms up
        widget = opened(volume, device)
        widget.logic.panel.worker.close()
        first = click(widget)
        seconds = {name: [] for name in (*actions, "second click", "its surface")}
        for _ in range(repeats):
            for name, action in actions.items():
                began = monotonic()
                action()
                seconds[name].append(monotonic() - began)
            for name, taken in zip(("second click", "its surface"), click(widget), strict=True):
                seconds[name].append(taken)
    application.close_module(widget)
    tell("first click", [first[0]] * repeats, seconds["headless"])
    for name, taken in seconds.items():
        tell(name, taken, seconds["headless"])


def tell(name: str, taken: list[float], reference: list[float]) -> None:
    more = median(a - b for a, b in zip(taken, reference, strict=True))
    ratio = median(a / b for a, b in zip(taken, reference, strict=True))
    print(f"{name:13s} {median(taken):6.2f} s  {ratio:5.2f} x headless, {more:+.2f} s")


def headless(source: Path, loaded, device: str) -> None:
    volume = volumes.read_volume(source)
    result = segment(volume, loaded, device)
    lesions.measure_lesions(result.labels, volume)
    volumes.write_labels(source.with_name("out.seg.nrrd"), result.labels, volume, overwrite=True)


def in_memory(volume, loaded, device: str) -> None:
    lesions.measure_lesions(segment(volume, loaded, device).labels, volume)


def cancels() -> None:
    widget = opened(phantom.create(SHAPE, SPACING).volume)
    panel, taken, kept = widget.logic.panel, [], 0
    widget.ui.coarseCheck.checked = False
    for moment in MOMENTS:
        widget.ui.segmentButton.click()
        wait(lambda m=moment: panel.fraction >= m)
        child, began = panel.worker._run.child, monotonic()
        widget.ui.segmentButton.click()
        wait(lambda: not panel.busy)
        taken.append(monotonic() - began)
        kept += child.poll() is None
    print(
        f"cancel        {median(taken):6.2f} s, worst {max(taken):.2f} s (aim under 1), "
        f"worker kept {kept} of {len(taken)} times"
    )
    application.close_module(widget)


def leaks(runs: int) -> None:
    widget = opened(phantom.create(SMALL_SHAPE, SMALL_SPACING, seed=5, lesions=2).volume)
    panel, own = widget.logic.panel, psutil.Process()
    click(widget)
    widget.ui.outputSelector.setCurrentNode(widget.logic.getParameterNode().resultSegmentation)
    widget.ui.replaceCheck.checked = True
    sizes = []
    for _ in range(runs):
        click(widget)
        child = psutil.Process(panel.worker._run.child.pid)
        sizes.append((child.memory_info().rss / 1e6, own.memory_info().rss / 1e6))
    scratch, family = panel.worker.scratch, own.children(recursive=True)
    print(f"{runs} runs       {len(family)} child, files that stay: {sorted(p.name for p in scratch.iterdir())}")
    for name, of in (("worker", 0), ("panel", 1)):
        fifth = max(1, runs // 5)
        early, late = (median(size[of] for size in part) for part in (sizes[fifth : 2 * fifth], sizes[-fifth:]))
        print(f"  {name} memory {early:.0f} MB early, {late:.0f} MB late, {late - early:+.1f} MB")
    application.close_module(widget)
    gone = not own.children(recursive=True) and not scratch.exists()
    print(f"  closed: {'no process, no file stays' if gone else 'SOMETHING STAYS'}")


if __name__ == "__main__":
    main()
