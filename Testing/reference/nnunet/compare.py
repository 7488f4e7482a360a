"""Labels beside those that nnunetv2 gives at this moment, of synthetic CTs and of real ones where these are there.

Run by ``make nnunet``: nnunetv2 gets an environment of its own, and is asked in a process of its own. Where it cannot
be installed, nothing is compared, and a sentence says so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from support import nnunet_reference as reference
from support.repository import SHARED

from LiverTumorSegLib.core.device import cpu_placement
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.nnunet.export import NnUNetOutput
from LiverTumorSegLib.inference.nnunet.segment import label_volume
from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.io.volumes import read_volume

HERE = Path(__file__).parent
PACKAGE = "nnunetv2==2.8.1"
REAL = {"thick_plan_thin_ct": "samples/crlm/ct.nii.gz", "around": "samples/totalsegmentator/ct.nii.gz"}
"""Real CTs, by the case whose network they are shown to."""

AIR_HU = -900
"""What is denser is body, or what a patient lies on."""

WAYS = {"exact": ("exact", "float32"), "fast": ("fast", "float32"), "fast, bfloat16": ("fast", "bfloat16")}
ALIKE, DICE, SHARE = 0.9999, 0.999, 0.01
"""What exact labels are held to: equal voxels, and Dice of what covers at least a hundredth of a CT."""


def find_python(folder: Path) -> tuple[Path, str]:
    """The Python of an environment with nnunetv2, which is made where it is not there; and why there is none."""
    python = folder / "bin" / "python"
    for words in (
        [] if python.exists() else [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE],
    ):
        if (
            python.exists()
            and not subprocess.run([str(python), "-c", "import nnunetv2"], capture_output=True).returncode
        ):
            return python, ""
        done = subprocess.run(words, capture_output=True, text=True) if words else None
        if done and done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            return python, f"{PACKAGE} cannot be installed into {folder}: {reason}"
    return python, ""


def ask_nnunet(python: Path, asked: list[tuple[str, Path, Path]]) -> float:
    """Have nnunetv2 write its labels, and say how many seconds that took."""
    words = [word for case, ct, labels in asked for word in ("--predict", case, str(ct), str(labels))]
    began = perf_counter()
    done = subprocess.run([str(python), "-W", "ignore", str(HERE / "make.py"), *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return perf_counter() - began


def label(name: str, volume: Volume, arithmetic: str, precision: str):
    """This program's labels, and the seconds that they took."""
    model = reference.model(name)
    out = NnUNetOutput(np.zeros(volume.voxels.shape, np.uint8))
    began = perf_counter()
    label_volume(out, volume, model, cpu_placement(precision=precision), SegmentationOptions(nnunet=arithmetic), Job())
    return out.labels, perf_counter() - began


def least_dice(ours, theirs) -> float:
    """The least Dice of what covers enough."""
    frequent = [value for value in np.unique(theirs) if (theirs == value).mean() >= SHARE]
    return min(dice(ours == value, theirs == value) for value in frequent)


def compare(name: str, ct: Path, theirs) -> bool:
    """Print a line a way, and say whether exact labels are nnU-Net's."""
    held, volume = True, read_volume(ct)
    body = volume.voxels > AIR_HU
    for way, (arithmetic, precision) in WAYS.items():
        ours, seconds = label(name, volume, arithmetic, precision)
        alike, least = (ours == theirs).mean(), least_dice(ours, theirs)
        within = (ours == theirs)[body].mean()
        if arithmetic == "exact":
            held = alike >= ALIKE and least >= DICE
        shown, differing = f"{ct.parent.name}/{ct.name.split('.')[0]}", int((ours != theirs).sum())
        figures = f"{100 * alike:9.4f} {100 * within:9.4f} {differing:7} {least:8.5f} {seconds:7.1f}"
        print(f"{name:24} {shown:20} {way:15} {figures}", flush=True)
    return held


def main() -> int:
    """Compare all cases, and real CTs where they are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environment", type=Path, required=True, help="with nnunetv2; made where it is not there")
    python, missing = find_python(parser.parse_args().environment)
    if missing:
        print(f"Nothing is compared with nnU-Net: {missing}")
        return 0
    shown = [
        (name, reference.FOLDER / "cts" / f"{reference.kept()['cases'][name]['ct']}.nii.gz")
        for name in reference.names()
    ]
    for name, path in REAL.items():
        if (SHARED / path).is_file():
            shown.append((name, SHARED / path))
        else:
            print(f"{SHARED / path} is not there, and not compared.")
    with tempfile.TemporaryDirectory() as scratch:
        asked = [(name, ct, Path(scratch) / f"{number}.npy") for number, (name, ct) in enumerate(shown)]
        print(f"nnunetv2 took {ask_nnunet(python, asked):.0f} s for all of them, its start included.")
        print(f"{'case':24} {'CT':20} {'way':15} {'equal %':>9} {'body %':>9} {'differ':>7} {'Dice':>8} {'s':>7}")
        held = [compare(name, ct, reference.numbered(name, np.load(labels))) for name, ct, labels in asked]
    print("Exact labels are nnU-Net's." if all(held) else "Exact labels are NOT nnU-Net's.")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
