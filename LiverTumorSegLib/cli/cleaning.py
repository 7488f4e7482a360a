"""The clean-up options of ``segment`` and ``segment-cohort``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..postprocessing import Postprocessing

LargestLiver = Annotated[
    bool | None, typer.Option("--largest-liver/--no-largest-liver", help="Keep the largest liver alone.")
]
LesionsInLiver = Annotated[
    bool | None,
    typer.Option("--lesions-in-liver/--no-lesions-in-liver", help="Keep lesions in or on the liver alone."),
]
FillHoles = Annotated[bool | None, typer.Option("--fill-holes/--no-fill-holes", help="Fill holes in the liver.")]
SmallestLesion = Annotated[float | None, typer.Option(min=0, max=1e4, help="Drop lesions below this, ml.")]
LeastProbability = Annotated[
    float | None, typer.Option(min=0, max=1, help="Drop lesions that the network is less sure of, by their mean.")
]
LeastContrast = Annotated[
    float | None, typer.Option(min=0, max=1e3, help="Drop lesions that differ by less from the liver around them, HU.")
]
SmallestLiver = Annotated[float | None, typer.Option(min=0, max=1e4, help="Below this, ml, it is no liver.")]


def changed(steps: Postprocessing, **wanted: bool | float | None) -> Postprocessing:
    """A model's own steps with what the user chose otherwise; None leaves a step as it is."""
    return steps.model_copy(update={name: value for name, value in wanted.items() if value is not None})
