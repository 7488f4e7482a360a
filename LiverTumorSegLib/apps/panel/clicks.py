"""Lesions that are clicked into, as a client sees them: what the worker is handed for a click, and what comes back.

The CT is written into a file once, and stays there until another is clicked into. The worker keeps what it has read, so
that a click hands over points alone; one that has died since reads the file again, and answers the clicks before anew.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.about import CLICK_MODEL
from ...core.boxed import Boxed
from ...core.labels import liver_median
from ...core.volume import Box, Volume
from ...inference.clicks.editing import LesionClick, lesion_under, without_others
from ..worker import arrays
from ..worker.client import WorkerInterface

__all__ = [
    "ClickHandover",
    "ClickedLesion",
    "LesionClick",
    "click_arguments",
    "clicked_lesion",
    "lesion_under",
    "run_of_clicks",
]

Answer = dict[str, Any]
AUTOMATIC = "automatic.nrrd"
Numbered = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class ClickedLesion:
    """A lesion after its clicks.

    Args:
        clicks: all of them, in their order.
        box: ``(k, j, i)`` of the volume's array.
        mask: bool, of the box: the whole lesion, by the rules of :mod:`LiverTumorSegLib.inference.clicks.editing`.
        ml: its volume.
        probability: that the voxels which the network marked are lesion, on average; not calibrated.
        warnings: what is doubtful about it, a sentence each.
    """

    clicks: tuple[LesionClick, ...]
    box: Box
    mask: NDArray[np.bool_]
    ml: float
    probability: float
    warnings: tuple[str, ...]


class ClickHandover:
    """What the worker has been handed already; arrays and CTs are told apart as objects, and must not be changed."""

    def __init__(self) -> None:
        self._volume, self._median, self._base, self._automatic = _Known(), _Known(), _Known(), _Known()
        self._remove: Callable[[], object] | None = None
        self._written: object = None

    def volume_file(self, worker: WorkerInterface, volume: Volume) -> Path:
        """The file of a CT, which is written where it is not there yet, or not any more.

        Raises:
            UserError: the disk is full, or the worker cannot be started.
            OSError: the folder cannot be made.
        """
        scratch = worker.scratch
        file: Path | None = self._volume.of(volume)
        if file is None or not file.is_relative_to(scratch) or not file.is_file():
            self.forget()
            file = Path(tempfile.mkdtemp(prefix="clicks-", dir=scratch)) / "volume.nrrd"
            self._remove = weakref.finalize(self, shutil.rmtree, file.parent, ignore_errors=True)
            self._write(file, volume)
            self._volume.keep(file, volume)
        return file

    def _write(self, file: Path, volume: Volume) -> None:
        """Write the file of a CT; nothing of one that was cut short stays."""
        try:
            arrays.write(file, volume.voxels, volume.affine)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Delete the file of the CT."""
        if self._remove is not None:
            self._remove()
        self._volume = _Known()

    def keep_automatic(self, answer: Answer, folder: Path, volume: Volume) -> None:
        """Keep how likely lesion is by the model that segmented a CT, packed, for clicks that come after.

        Args:
            answer: of the worker's command ``segment``.
            folder: of its files.
            volume: the CT.
        """
        self._automatic = _Known()
        if "automatic_at" in answer:
            likely, _ = arrays.read(folder / AUTOMATIC)
            packed = zlib.compress(likely.tobytes(), 1), likely.shape
            self._automatic.keep((packed, answer["automatic_at"]), volume)

    def automatic(self, file: Path, volume: Volume) -> Answer:
        """Arguments of a click: the file of these probabilities, beside the CT's; none where they are not known."""
        known = self._automatic.of(volume)
        if known is None:
            return {}
        ((packed, shape), first), path = known, file.with_name(AUTOMATIC)
        if not path.is_file() or self._written is not known:
            likely = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
            arrays.write(path, likely, volume.affine)
            self._written = known
        return {"automatic": str(path), "automatic_at": first}

    def liver_hu(self, volume: Volume, labels: Numbered | None) -> float | None:
        """The liver's median, taken once."""
        if labels is None:
            return None
        if not self._median.is_of(volume, labels):
            self._median.keep(liver_median(volume, labels), volume, labels)
        median: float | None = self._median.value
        return median

    def base(self, base: NDArray[np.bool_] | None) -> Boxed | None:
        """The part of a lesion's base that is not empty, looked for once."""
        if base is None:
            return None
        if not self._base.is_of(base):
            self._base.keep(Boxed.around(base), base)
        found: Boxed | None = self._base.value
        return found


class _Known:
    """What follows from some objects, which are not kept alive for it."""

    def __init__(self) -> None:
        self._of: tuple[weakref.ref[Any], ...] = ()
        self.value: Any = None

    def keep(self, value: Any, *sources: Any) -> None:
        self._of, self.value = tuple(map(weakref.ref, sources)), value

    def is_of(self, *sources: Any) -> bool:
        return bool(self._of) and all(ref() is source for ref, source in zip(self._of, sources, strict=True))

    def of(self, *sources: Any) -> Any:
        return self.value if self.is_of(*sources) else None


def run_of_clicks(*, liver: bool = False) -> Answer:
    """What stands in place of a model's run where only lesions that were clicked into are marked.

    Args:
        liver: whether a liver is marked beside them.
    """
    return {
        "model": CLICK_MODEL,
        "labels": ["background", *(["liver"] if liver else []), "lesion"],
        "device": "",
        "notes": ["Only lesions that were clicked into are marked: no model looked for liver and lesions."],
        "label_warnings": [],
        "region": False,
        "seconds": 0.0,
        "options": {"coarse_pass": False, "batch": None, "postprocessing": None, "precision": "auto"},
    }


def click_arguments(clicks: Sequence[LesionClick]) -> list[list[Any]]:
    """Clicks as the worker takes them."""
    return [[*click.point, click.inside] for click in clicks]


def clicked_lesion(
    answer: Answer,
    mask: NDArray,
    volume: Volume,
    labels: Numbered | None,
    clicks: Sequence[LesionClick],
    base: NDArray[np.bool_] | None,
) -> ClickedLesion:
    """What the worker answered, without the voxels of other lesions."""
    k, j, i = (slice(at, at + n) for at, n in zip(answer["at"], mask.shape, strict=True))
    lesion = mask > 0
    if labels is not None:
        lesion = without_others(lesion, (k, j, i), labels, base)
    ml = float(np.count_nonzero(lesion)) * volume.voxel_ml
    return ClickedLesion(tuple(clicks), (k, j, i), lesion, ml, answer["probability"], tuple(answer["warnings"]))
