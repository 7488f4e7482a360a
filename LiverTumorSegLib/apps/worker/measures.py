"""What is said of labels that were measured again; a browser's session says it without PyTorch, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...postprocessing.lesion_choice import LesionChoice
from ...reporting.lesion_origins import LesionMark
from ...reporting.lesions import LesionTable

Answer = dict[str, Any]


def measured_answer(table: LesionTable, run: Answer | None, marks: Sequence[LesionMark] | None) -> Answer:
    """Measures and marks of labels, the doubts about these, and the run with them in place of those about earlier."""
    doubts = list(table.warnings)
    changed = run and run | {"label_warnings": doubts}
    return {"table": table.to_dict(), "warnings": doubts, "run": changed, "marks": marks}


def read_choice(candidates: str, shape: tuple[int, ...]) -> LesionChoice | None:
    """Kept candidates; None where there are none, or the CT in their place is another by now."""
    try:
        return LesionChoice.from_text(candidates, shape) if candidates else None
    except UserError:
        return None


def marked_by_model(choice: LesionChoice | None, run: Answer) -> NDArray[np.int64] | None:
    """Flat indices of what the model marked as lesions, where candidates tell it."""
    cleaning = run.get("options", {}).get("postprocessing")
    return choice.lesions_at(cleaning["sensitivity"]) if choice and cleaning else None
