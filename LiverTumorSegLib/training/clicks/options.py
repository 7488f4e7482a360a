"""What a network for clicks is shown in training, and how the simulated reader clicks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...core.schema import StrictModel

_Share = Annotated[float, Field(ge=0, le=1)]
_Mm = Annotated[float, Field(ge=0, le=20)]


class ClickSampling(StrictModel):
    """Samples of a training with clicks.

    Args:
        synthetic: share whose lesion is painted into the liver.
        nothing: share that is clicked where there is no lesion, and should stay empty.
        improved: share of samples that begin with a wrong outline to be improved.
        rounds: at most so many rounds of clicks go before the one that is learned from.
        scatter_mm: standard deviation of a click's distance from where it was meant, along each axis.
        rim: share of first clicks that are near the lesion's rim.
        deep: share of first clicks that are deep inside rather than anywhere.
        forgotten: share of samples in which the answer to the clicks before is not shown.
        unknown_liver: share of samples whose liver is known only roughly.
        other_zoom: share of samples seen larger or smaller than the lesion asks for.
        finer: share of samples seen at any zoom from the finest to the one that the lesion asks for. With one click
            nobody knows how large it is, so that its first look is the finest.
        jitter: how far the patch's middle may be from the click, as a share of the patch.
        scale: smallest and largest magnification.
        radius_mm: smallest and largest radius of painted lesions.
        automatic: folder below that of the data with probabilities of lesions by models that never saw the patient, as
            ``livertumorseg calibrate`` writes them into ``probabilities``; None where there are none.
        automatic_known: share of samples of patients with such a map that are shown it.
    """

    synthetic: _Share = 0.3
    nothing: _Share = 0.08
    improved: _Share = 0.2
    rounds: int = Field(3, ge=0, le=10)
    scatter_mm: _Mm = 1.5
    rim: _Share = 0.2
    deep: _Share = 0.5
    forgotten: _Share = 0.2
    unknown_liver: _Share = 0.3
    other_zoom: _Share = 0.2
    finer: _Share = 0.0
    jitter: Annotated[float, Field(ge=0, le=0.4)] = 0.2
    scale: tuple[float, float] = (0.7, 1.5)
    radius_mm: tuple[float, float] = (2.0, 20.0)
    automatic: str | None = None
    automatic_known: _Share = 0.5
