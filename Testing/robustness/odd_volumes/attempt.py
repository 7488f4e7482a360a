"""Segments a case by the command line, and says what is wrong with what came of it."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from support.sandbox import Outcome, Sandbox

from .case import Case, Handled, Refused
from .grid import Grid

SECONDS, MEMORY = 60, 2**30


def attempt(case: Case, sandbox: Sandbox, model: Path, folder: Path, *, short: bool = False) -> str:
    """What is wrong; nothing where the case ended as it has to.

    Args:
        case: to try.
        sandbox: to try it in.
        model: of :mod:`robustness.odd_volumes.model`.
        folder: empty, for its files.
        short: without the network, see :mod:`robustness.odd_volumes.doors`.
    """
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
    source = case.make(folder / "in")
    labels = Path(os.path.normpath(folder / "in" / case.output))
    before = found(folder)
    words = ["segment", source.name if case.relative else source, "-m", model, "-o", folder / "in" / case.output]
    words += ["--full", "--device=cpu", *case.options]
    run = ("robustness.odd_volumes.doors:command_line", short, case.unprivileged, *map(str, words))
    outcome = sandbox.run(*run, seconds=SECONDS, memory=MEMORY, folder=folder / "in")
    if isinstance(case.outcome, Refused):
        return _not_refused(case.outcome, outcome, source) or touched(before, folder)
    return _not_handled(case.outcome, outcome, labels) or touched(before, folder, labels)


def found(folder: Path) -> dict[Path, tuple[int, ...]]:
    """Everything in a folder, with what a change of it would change."""
    entries: dict[Path, tuple[int, ...]] = {}
    for place, folders, names in os.walk(folder):
        entries |= {Path(place, name): () for name in folders}
        entries |= {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in (Path(place, n) for n in names)}
    return entries


def touched(before: dict[Path, tuple[int, ...]], folder: Path, labels: Path | None = None) -> str:
    """Say what was written, taken away or changed beside the labels."""
    wanted = () if labels is None else (labels, *labels.parents)
    other = {path for path, _ in before.items() ^ found(folder).items()} - set(wanted)
    return f"left or changed {', '.join(sorted(path.name for path in other))}" if other else ""


def _not_refused(wanted: Refused, outcome: Outcome, source: Path) -> str:
    said = outcome.err.strip()
    name = wanted.naming or source.name
    if not outcome.refused:
        return f"not refused: {outcome}"
    if said.count("\n") or said.count("error:") != 1:
        return f"more than a sentence: {said}"
    if name not in said:
        return f"“{name}” not in: {said}"
    words = (wanted.words,) if isinstance(wanted.words, str) else wanted.words
    return "" if any(each in said for each in words) else f"“{' or '.join(words)}” not in: {said}"


def _not_handled(wanted: Handled, outcome: Outcome, labels: Path) -> str:
    if not outcome.handled:
        return f"not handled: {outcome}"
    if wanted.says not in outcome.err:
        return f"“{wanted.says}” not in: {outcome.err}"
    out = written(labels)
    if out.voxels.shape != wanted.grid.voxels.shape:
        return f"shape {out.voxels.shape}, not {wanted.grid.voxels.shape}"
    if not np.allclose(out.affine, wanted.grid.affine, rtol=1e-5, atol=1e-4):
        return f"affine {out.affine.tolist()}, not {wanted.grid.affine.tolist()}"
    wrong = int((out.voxels != wanted.grid.labels).sum())
    return f"{wrong} of {out.voxels.size} labels are wrong" if wrong else ""


def written(path: Path) -> Grid:
    """Labels and affine of a file, read without the library."""
    if path.name.endswith(".nrrd"):
        image = sitk.ReadImage(str(path))
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        return Grid(sitk.GetArrayFromImage(image), np.diag([-1.0, -1, 1, 1]) @ affine)
    image = nibabel.load(path)
    return Grid(np.asarray(image.dataobj).transpose(2, 1, 0), image.affine)
