"""Command lines that write files, run twice in places that differ in all that files must not depend on."""

import re
import shutil
from pathlib import Path

import numpy as np
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from support.evaluation_cases import save
from support.models import describe
from support.sandbox import Outcome, Sandbox
from support.training_cases import RECIPE, VOLUME_RECIPE, make_data, make_volumes

Files = dict[str, bytes]

HERE = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
ELSEWHERE = {
    "PYTHONHASHSEED": "4242",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "LANG": "de_DE.UTF-8",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "COLUMNS": "200",
    "USER": "somebody",
    "HOME": "/nonexistent",
}

CACHE = "cache"
"""What CTs become, kept by their places and times: for this machine alone, and no result."""

_CPU = ("--device", "cpu")
_LEARN = ("--data", "data", "--set", "schedule.steps=4", "--set", "schedule.validate_every=2")
_MEASURE = (
    "evaluate",
    "predictions",
    "references",
    "--images",
    "cts",
    "--pictures",
    "1",
    "--bootstrap",
    "20",
    "-o",
    "out",
)
_COHORT = ("segment-cohort", "cts", "-o", "out", "-m", "model", "--probabilities", "maps", *_CPU)
JOBS: dict[str, tuple[tuple[str, ...], ...]] = {
    "segment": (
        ("segment", "ct.nii.gz", "-o", "out/a.seg.nrrd", "--report", "out", "--probabilities", "out", "-m", "model"),
        ("segment", "ct.nii.gz", "-o", "out/b.nii.gz", "--full", "-m", "model"),
        ("segment", "ct.nii.gz", "-o", "out/c.nrrd", "--batch", "3", "-m", "model"),
    ),
    "cohort": (_COHORT,),
    "cohort in ranks": tuple((*_COHORT, "--ranks", "2", "--rank", rank) for rank in "10"),
    "evaluate": (_MEASURE,),
    "evaluate at once": ((*_MEASURE, "--processes", "2"),),
    "phantom": (("phantom", "ct.nii.gz", "--shape", "20", "48", "56", "--spacing", "12", "8", "8", "--overwrite"),),
    "preprocess": (("preprocess", "ct.nii.gz", "--chain", "kulkarni", "--save", "chain.png"),),
    "export slices": (("export-slices", "volumes/LITS", "--chain", "kulkarni", "-o", "out"),),
    "export onnx": (("export", "model", "--format", "onnx", "-o", "out"),),
    "export torch": (("export", "model", "--format", "torch-export", "-o", "out"),),
    "export bundle": (("export", "model", "--format", "monai-bundle", "-o", "out"),),
    "split": (("data", "split", "volumes/LITS", "-o", "split.json", "--folds", "3", "--processes", "1"),),
    "train": (("train", "quick.yaml", *_LEARN, "-o", "trained"),),
    "train 3D": (("train", "quick3d.yaml", "--data", "volumes", "-o", "trained", "--cache", CACHE),),
    "compare": (("compare", "quick.yaml", *_LEARN, "--folds", "2", "-o", "out", *_CPU),),
}
"""Command lines by what they try, or a function with its arguments; each job works in a folder of its own."""

ALIKE = {"cohort": "cohort in ranks", "evaluate": "evaluate at once"}
"""Other ways to the same files."""


def make_inputs(folder: Path, seed: int) -> Path:
    """What the jobs read: CTs, labels, a model with random weights, slices and volumes to train on, and recipes."""
    made = phantom.create((16, 48, 56), (12.0, 8.0, 8.0), seed=seed, lesions=3)
    write_volume(folder / "ct.nii.gz", made.volume)
    save_model(folder / "model", seed)
    for number in range(3):
        ct = phantom.create((10 + 2 * number, 40, 48), (150 / (10 + 2 * number), 9.0, 9.0), seed=seed + number)
        write_volume(folder / "cts" / f"case-{number}.nii.gz", ct.volume)
        save(folder / "references" / f"case-{number}.nii.gz", ct.labels, affine=ct.volume.affine)
        moved = np.roll(ct.labels, number % 3, axis=2)
        save(folder / "predictions" / f"case-{number}.nii.gz", moved, affine=ct.volume.affine)
    make_data(folder / "data")
    make_volumes(folder / "volumes")
    (folder / "quick.yaml").write_text(RECIPE)
    (folder / "quick3d.yaml").write_text(VOLUME_RECIPE)
    return folder


def save_model(folder: Path, seed: int) -> None:
    """A tiny U-Net with random weights, its last bias such that every label occurs."""
    torch.manual_seed(seed)
    description = describe(postprocessing=Postprocessing(smallest_lesion_ml=50, smallest_liver_ml=0))
    network = networks.create("unet", 1, 3, **description.network.options).eval()
    with torch.no_grad():
        network.body.final_conv.bias -= network(torch.rand(4, 1, 32, 32)).mean(dim=(0, 2, 3))
    own = {name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")}
    model_folder.save(folder, network, lambda d: f"# {d.title}\n", **own)


def written(job: str, inputs: Path, folder: Path, sandbox: Sandbox) -> tuple[Outcome, Files]:
    """The last command's outcome and every file that the job's commands leave or change, by its path."""
    shutil.copytree(inputs, folder, copy_function=shutil.copy)  # so that the inputs' times differ, too
    before = contents(folder)
    for words in JOBS[job]:
        run = sandbox.run if ":" in words[0] else sandbox.livertumorseg
        outcome = run(*words, folder=folder, seconds=600)
        if not outcome.handled:
            break
    after = {name: held for name, held in contents(folder).items() if not name.startswith(f"{CACHE}/")}
    return outcome, {name: comparable(name, held) for name, held in after.items() if before.get(name) != held}


def contents(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def comparable(name: str, held: bytes) -> bytes:
    """Without what files hold rightly: seconds a volume in the tables of ``compare``, and evaluation's own command."""
    held = held.replace(b" --processes 2", b"")
    if name.endswith(("patients.json", "comparison.json")):
        return re.sub(rb'"seconds": [0-9.e-]+', b'"seconds": 0', held)
    if name.endswith(("comparison.csv", "comparison.md")):
        cells = [re.split(rb" *[|,] *", line) for line in held.splitlines()]
        timed = [number for number, title in enumerate(cells[0]) if b"seconds" in title]
        return b"\n".join(b"|".join(_without(row, timed)) for row in cells)
    return held


def _without(row: list[bytes], numbers: list[int]) -> list[bytes]:
    return [cell for number, cell in enumerate(row) if number not in numbers]


def differing(one: Files, other: Files) -> list[str]:
    """Files that are in one alone, or hold other bytes in the other."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
