"""Commands that a clumsy or hostile user gives, with the files that they name and how each has to end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Prepare = Callable[[Path], object]


@dataclass(frozen=True)
class Command:
    """A command line, run in a folder with ``ct.nii.gz``, ``labels.nii.gz``, folders ``cts`` and ``m``, a model.

    Args:
        words: of the command.
        says: what its one sentence has to hold; where it is empty, the command has to succeed.
        prepare: makes further files in the folder.
    """

    words: tuple[str, ...]
    says: str = ""
    prepare: Prepare = lambda _: None

    @property
    def name(self) -> str:
        return " ".join(self.words)


def text(name: str, content: str) -> Prepare:
    return lambda folder: (folder / name).write_bytes(content.encode())


def pipe(name: str) -> Prepare:
    return lambda folder: os.mkfifo(folder / name)


def made_folder(name: str) -> Prepare:
    return lambda folder: (folder / name).mkdir(parents=True)


def chain(*steps: dict[str, object]) -> Prepare:
    return text("chain.json", json.dumps(steps))


def link(name: str, target: str) -> Prepare:
    return lambda folder: (folder / name).symlink_to(target)


SEGMENT = ("segment", "ct.nii.gz", "-m", "m", "--device", "cpu", "-o")
COHORT = ("--device", "cpu", "-m", "m", "-o", "out")
EVALUATE = ("evaluate", "labels.nii.gz", "labels.nii.gz", "--json")
PAIRS = ("evaluate", "empty", "empty", "--csv")
PREPROCESS = ("preprocess", "ct.nii.gz", "--save", "steps.png", "--chain")
EXPORT = ("export-slices", "ct.nii.gz", "-o", "out", "--chain", "li", "--labels")

COMMANDS = (
    Command((*SEGMENT, "out.nii.gz")),
    Command((*SEGMENT, "OUT.NII.GZ")),
    Command((*SEGMENT, "o\x1b[31m\nx.nii.gz")),
    Command((*SEGMENT, "out.nii.gz", "--batch", "9" * 30)),
    Command((*SEGMENT, "ct.nii.gz", "--overwrite"), "is the CT itself"),
    Command((*SEGMENT, "again.nii.gz", "--overwrite"), "is the CT itself", link("again.nii.gz", "ct.nii.gz")),
    Command((*SEGMENT, "loop.nii.gz"), "exists already", link("loop.nii.gz", "loop.nii.gz")),
    Command((*SEGMENT, "pipe.nii.gz"), "exists already", pipe("pipe.nii.gz")),
    Command((*SEGMENT, "/dev/full"), "in a format that cannot be written"),
    Command((*SEGMENT, ""), "in a format that cannot be written"),
    Command((*SEGMENT, "text.txt/out.nii.gz"), "cannot be written"),
    Command((*SEGMENT, "out.nii.gz", "--report", "text.txt"), "cannot be written"),
    Command((*SEGMENT, "out.nii.gz", "--device", "cpu:7"), "no device"),
    Command((*SEGMENT, f"{'a' * 300}.nii.gz"), "File name too long"),
    Command(("segment", "/dev/zero", "-m", "m", "-o", "out.nii.gz"), "not a regular file"),
    Command(("segment", "", "-m", "m", "-o", "out.nii.gz"), "holds no DICOM"),
    Command(("segment", "ct.nii.gz", "-m", "..", "-o", "out.nii.gz"), "not a model folder"),
    Command(("segment", "http://localhost/ct.nii.gz", "-m", "m", "-o", "out.nii.gz"), "does not exist"),
    Command((*SEGMENT, "out", "--dicom"), "give the folder of a DICOM series"),
    Command((*SEGMENT, "text.txt", "--dicom"), "cannot be written"),
    Command((*SEGMENT, "ct.nii.gz", "--dicom", "--overwrite"), "is the name of a file: with --dicom give a folder"),
    Command((*SEGMENT, "out.dcm", "--dicom"), "is the name of a file: with --dicom give a folder"),
    Command((*SEGMENT, "out", "--dicom", "--lesion-segments", "ALL\x1b[2J"), "give each or all"),
    Command((*SEGMENT, "out", "--dicom"), "exists already", made_folder("out/segmentation.dcm")),
    Command(("segment-cohort", "cts", *COHORT)),
    Command(("segment-cohort", "cts", *COHORT), "pipe.nii.gz is not a regular file", pipe("cts/pipe.nii.gz")),
    Command(("segment-cohort", "list.csv", *COHORT), "cannot be the name of a file", text("list.csv", "image\nc\0t\n")),
    Command(("segment-cohort", "list.txt", *COHORT), "cannot be the name of a file", text("list.txt", "c\0t\n")),
    Command(("segment-cohort", "list.txt", *COHORT), "a pipe", pipe("list.txt")),
    Command(("segment-cohort", "list.csv", *COHORT), "a pipe", pipe("list.csv")),
    Command(("segment-cohort", "list.csv", *COHORT), "", text("list.csv", "image,case\nct.nii.gz,=1+1\n")),
    Command(("segment-cohort", "list.csv", *COHORT), "../x", text("list.csv", "image,case\nct.nii.gz,../x\n")),
    Command(("segment-cohort", "cts", *COHORT), "cohort.csv is a folder", made_folder("out/cohort.csv")),
    Command((*EVALUATE,)),
    Command(
        ("evaluate", "seg.dcm", "labels.nii.gz"), "not a DICOM file that says what it holds", text("seg.dcm", "x" * 999)
    ),
    Command(("evaluate", "seg.dcm", "labels.nii.gz"), "a pipe", pipe("seg.dcm")),
    Command((*EVALUATE, "--tolerance", "nan"), "tolerance cannot be nan"),
    Command((*EVALUATE, "--iou", "nan"), "above nan"),
    Command((*EVALUATE, "--reference-values", "liver=1,lesion=1"), "does not say which"),
    Command((*PAIRS, "/dev/zero"), "a device"),
    Command((*PAIRS, "empty"), "Is a directory"),
    Command((*PAIRS, "pairs.csv"), "a pipe", pipe("pairs.csv")),
    Command((*PAIRS, "pairs.csv"), "Row 2", text("pairs.csv", 'prediction,reference\n"a,b\n')),
    Command(("compare-evaluations", "/dev/zero", "/dev/zero"), "a device"),
    Command(("compare-evaluations", "a.json", "a.json"), "no report", text("a.json", "[" * 200_000)),
    Command((*PREPROCESS, "li")),
    Command((*PREPROCESS, "chain.json"), "cannot be read", pipe("chain.json")),
    Command((*PREPROCESS, "chain.json"), "width should be", chain({"step": "window", "level": 0, "width": 1e-320})),
    Command((*PREPROCESS, "chain.json"), "width should be", chain({"step": "window", "level": 0, "width": 1e39})),
    Command((*PREPROCESS, "chain.json"), "not valid", text("chain.json", "[" * 100_000)),
    Command((*PREPROCESS, "chain.json"), r"\x1b[31m", chain({"step": "\x1b[31m"})),
    Command((*EXPORT, "labels.nii.gz")),
    Command((*EXPORT, "ct.nii.gz"), "other labels than"),
    Command((*EXPORT, "labels.nii.gz", "--damaged", "x"), "nothing to do about damaged"),
    Command(("phantom", "p.nii.gz", "--shape", "9" * 20, "2", "2"), "1 to 4096 voxels"),
    Command(("phantom", "p.nii.gz", "--shape", "4", "4", "4", "--spacing", "nan", "1", "1"), "up to 100 mm"),
    Command(("phantom", "p.nii.gz", "--shape", "1", "1", "1")),
    Command(("train", "recipe.yaml", "--data", "empty", "-o", "out"), "recipe", pipe("recipe.yaml")),
    Command(("compare", "--data", "empty", "-o", "out", "--split", "split.json"), "split", pipe("split.json")),
    Command(("models", "remove", "../m"), "only imported models"),
    Command(("models", "download", "https://[::1/x.zip", "--sha256", "0" * 64), "not an address"),
    Command(("data", "split", "empty", "-o", "s.json", "--validation", "nan"), "Shares of nan"),
    Command(("web", "missing.nii.gz"), "is not there"),
    Command(("web", "--folder", "ct.nii.gz"), "is not a folder"),
    Command(("web", "--host", "::"), "--allow-remote"),
    Command(("web", "--host", "no.such.host.invalid"), "not known here"),
    Command(("web", "--host", "192.0.2.1", "--allow-remote"), "is not this machine"),
    Command(("web", "--port", "1", "--host", "::ffff:1.2.3.4"), "--allow-remote"),
)
