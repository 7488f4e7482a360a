"""A lesion by its clicks in their order, each seeing the answer before; what was answered once is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.boxed import Boxed
from ...core.errors import UserError
from ...core.progress import CancelToken
from ...core.volume import Volume
from ...models.model_folder import Model
from .editing import OUTSIDE_MM, LesionClick, Point, ball, with_base
from .frame import ClickFrame
from .lesion import Known, find_lesion

MOST_BYTES = 64 << 20
"""Of the answers that are kept."""


@dataclass(frozen=True)
class ClickAnswer:
    """A lesion after some clicks.

    Args:
        lesion: bool, a part of the axial view.
        probability: that the voxels which the network marked are lesion, on average; not calibrated.
        warnings: what is doubtful about it, a sentence each.
        device: where it was answered, and in which precision.
    """

    lesion: Boxed
    probability: float
    warnings: tuple[str, ...]
    device: str


class KeptAnswers:
    """The network's answers by all that they follow from; those not used for longest are forgotten.

    Args:
        most_bytes: of their masks.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[Hashable, ClickAnswer] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> ClickAnswer | None:
        """The answer, if it is still known."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: Hashable, answer: ClickAnswer) -> None:
        """Keep an answer that is not known yet, in place of old ones where there are too many."""
        self._kept[key] = answer
        self._bytes += answer.lesion.values.nbytes
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.lesion.values.nbytes


@dataclass(frozen=True)
class ClickedCT:
    """A CT that is clicked into.

    Args:
        volume: the CT.
        model: for clicks.
        liver_hu: the liver's median; None where it is not known.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        answers: what was answered before, of this and other CTs.
        key: of CT, model and automatic probabilities among the answers.
        automatic: part of the axial view, how likely lesion is by another model, as :class:`.lesion.Known` has it.
    """

    volume: Volume
    model: Model
    liver_hu: float | None
    device: str
    answers: KeptAnswers
    key: Hashable = None
    automatic: Boxed | None = None

    def lesion(
        self, clicks: Sequence[LesionClick], base: Boxed | None = None, cancel: CancelToken | None = None
    ) -> ClickAnswer:
        """The lesion after clicks: all that the network answers, and its base but for what was clicked away.

        Every answer but the first sees the one before; the first sees the base. A last click costs one look, and one
        taken back none, as long as the answers are kept.

        Args:
            clicks: in their order, at least one.
            base: bool, a part of the axial view: the lesion before its first click; None where there was none.
            cancel: checked before every look.

        Raises:
            UserError: as :func:`.lesion.find_lesion` does.
            Cancelled: ``cancel`` was used.
        """
        if not clicks:
            msg = "There is no click: click into a lesion."
            raise UserError(msg)
        answer: ClickAnswer | None = None
        for count in range(1, len(clicks) + 1):
            answer = self._answer(clicks[:count], base, answer, cancel)
        if answer is None or base is None:
            return answer  # type: ignore[return-value]  # there is one, since there is a click
        frame = ClickFrame(self.volume)
        outside = frame.of(click.point for click in clicks if not click.inside)
        whole = with_base(answer.lesion, base, outside, frame.spacing)
        return ClickAnswer(whole, answer.probability, answer.warnings, answer.device)

    def _answer(
        self,
        clicks: Sequence[LesionClick],
        base: Boxed | None,
        before: ClickAnswer | None,
        cancel: CancelToken | None,
    ) -> ClickAnswer:
        key = (self.key, self.liver_hu, self.device, _digest(base), tuple(clicks))
        if (kept := self.answers.get(key)) is not None:
            return kept
        outside = [click.point for click in clicks if not click.inside]
        inside = [click.point for click in clicks if click.inside] or self._deepest(base, outside)
        known = Known(before.lesion if before else base, automatic=self.automatic, liver_hu=self.liver_hu)
        found = find_lesion(self.volume, self.model, inside, outside, known, self.device, cancel)
        answer = ClickAnswer(Boxed(found.box, found.part), found.probability, found.warnings, found.device)
        self.answers.keep(key, answer)
        return answer

    def _deepest(self, base: Boxed | None, outside: Sequence[Point]) -> list[Point]:
        """What stands for a click inside where all were outside: the deepest place that is left of the base."""
        if base is None:
            return []
        frame = ClickFrame(self.volume)
        left = base.values.copy()
        for point in frame.of(outside):
            left &= ~ball(base.box, point, frame.spacing, OUTSIDE_MM)
        if not left.any():
            msg = "Nothing is left of the lesion after these clicks: delete it instead."
            raise UserError(msg)
        depth: NDArray[np.float64] = ndimage.distance_transform_edt(np.pad(left, 1), frame.spacing)[1:-1, 1:-1, 1:-1]
        voxel = np.unravel_index(int(depth.argmax()), depth.shape)
        return [frame.point([int(at) + side.start for at, side in zip(voxel, base.box, strict=True)])]


def _digest(base: Boxed | None) -> Hashable:
    if base is None:
        return None
    corners = tuple((side.start, side.stop) for side in base.box)
    return corners, sha256(np.packbits(base.values).tobytes()).digest()
