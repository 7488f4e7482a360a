"""Whether a case came out as it has to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from support.sandbox import Outcome, Sandbox

from .case import ALWAYS_SAID, Case, Handled
from .door import LESION_HU, LIVER_HU

_LPS = np.diag([-1.0, -1.0, 1.0])
_SECONDS = 60


def wrong(case: Case, sandbox: Sandbox, folder: Path, model: Path | None = None) -> str:
    """What is wrong, empty where nothing is.

    Args:
        case: to try.
        sandbox: to try it in.
        folder: to work in; nothing of another case in it.
        model: folder of the model of thresholds to segment it with; None to read it alone.
    """
    source, read, labels = folder / "ct", folder / "read.npz", folder / "labels.nrrd"
    case.make(source)
    door, more = ("segment", (labels, model)) if model else ("read", ())
    words = map(str, (source, read, *more))
    outcome = sandbox.run(f"robustness.odd_dicom.door:{door}", *words, *case.options, seconds=_SECONDS)
    if not isinstance(case.outcome, Handled):
        return _refused_wrongly(case.outcome.words, outcome, (read, labels))
    return _handled_wrongly(case.outcome, outcome, read) or (_labels_wrong(case.outcome, labels) if model else "")


def _refused_wrongly(words: str, outcome: Outcome, outputs: tuple[Path, ...]) -> str:
    if not outcome.refused:
        return f"not refused: {outcome}"
    if any(path.exists() for path in outputs):
        return "refused and written all the same"
    sentence = " ".join(outcome.err.split())
    return "" if words in sentence and sentence.count("error:") == 1 else f"other words: {sentence}"


def _handled_wrongly(due: Handled, outcome: Outcome, read: Path) -> str:
    if not outcome.handled:
        return f"not handled: {outcome}"
    said = [line for line in outcome.err.splitlines() if "warning:" in line]
    warnings = [line for line in said if not any(part in line for part in ALWAYS_SAID)]
    if len(warnings) != len(due.says) or not all(any(part in line for line in warnings) for part in due.says):
        return f"other warnings than {due.says}: {outcome.err}"
    found = np.load(read)
    if not np.array_equal(found["voxels"], due.voxels):
        return "other voxels"
    place = found["affine"]
    return "" if np.allclose(place, due.affine, atol=1e-3) else f"another place: {place.tolist()}"


def _labels_wrong(due: Handled, output: Path) -> str:
    image = sitk.ReadImage(str(output))
    labels = (due.voxels > LIVER_HU).astype(int) + (due.voxels > LESION_HU)
    if not np.array_equal(sitk.GetArrayFromImage(image), labels):
        return "labels that do not follow from the voxels"
    axes = _LPS @ np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    if not np.allclose(axes, due.affine[:3, :3], atol=1e-3):
        return f"labels of other directions or spacing: {axes.tolist()}"
    return "" if np.allclose(_LPS @ image.GetOrigin(), due.affine[:3, 3], atol=1e-3) else "labels at another place"
