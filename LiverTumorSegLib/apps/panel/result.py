"""A segmentation with its measures, as the panel shows it and hands it to the worker again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...core.volume import Volume
from ...reporting.lesion_numbers import LesionNumbers
from ...reporting.lesion_origins import LesionMark, read_marks
from ..worker.handed_layers import HandedLayer

Answer = dict[str, Any]

Note: TypeAlias = tuple[tuple[int, int, int], str]
"""A voxel ``(i, j, k)`` of a lesion, its ``inside_voxel``, and what is noted about it."""


@dataclass(frozen=True)
class Result:
    """A segmentation as the panel shows it.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 1 + n lesion n.
        volume: what was segmented.
        table: liver volume, burden and lesions, see :meth:`LiverTumorSegLib.reporting.lesions.LesionTable.to_dict`.
        run: model, device, options, notes, seconds, whether a region was segmented, and ``label_warnings``, those that
            change with the labels.
        warnings: doubts about volume and labels, and fallbacks, a sentence each.
        candidates: for lesions, by which others can be chosen, as the worker writes them; empty where there are none.
        marks: what marked each lesion, by which its ``origin`` in the table is known; None where nothing is known, as
            in scenes of earlier versions. Clicks add theirs, see
            :func:`LiverTumorSegLib.reporting.lesion_origins.with_clicks`.
        others: structures beside liver and lesions.
        numbers: of the lesions before the labels were corrected, which they keep; None where they are numbered by
            size, as after segmenting and in scenes of earlier versions.
    """

    labels: NDArray[np.unsignedinteger]
    volume: Volume
    table: Answer
    run: Answer
    warnings: tuple[str, ...]
    candidates: str = ""
    marks: tuple[LesionMark, ...] | None = None
    others: tuple[HandedLayer, ...] = ()
    numbers: LesionNumbers | None = None

    @property
    def lasting_warnings(self) -> list[str]:
        """Those that stay true whatever becomes of the labels."""
        passing = self.run.get("label_warnings", ())
        return [sentence for sentence in self.warnings if sentence not in passing]

    @property
    def numbers_text(self) -> str:
        """As the worker takes them; empty where lesions are numbered by size."""
        return self.numbers.to_text() if self.numbers else ""

    def measured(self, answer: Answer, labels: NDArray[np.unsignedinteger]) -> Result:
        """The result with labels as a worker measured and numbered them, and the doubts that changed with them."""
        return replace(self.told(answer), labels=labels)

    def told(self, answer: Answer) -> Result:
        """The result with the measures and marks of an answer, and the doubts that changed with them."""
        warnings = tuple(dict.fromkeys((*self.lasting_warnings, *answer["warnings"])))
        marks = read_marks(answer["marks"])
        return replace(self, table=answer["table"], run=answer["run"], warnings=warnings, marks=marks)
