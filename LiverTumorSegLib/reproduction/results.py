"""What a reproduction measured, as ``reproduction.json`` keeps it from one protocol to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from .. import __version__
from ..errors import UserError
from ..training.entry import Entry
from .system import PROTOCOLS, Metric, ProtocolName

JSON = "reproduction.json"


class Figure(Entry):
    """One measured figure, in the paper's unit.

    Args:
        value: None where it is not defined.
        counted: over how many slices or patients.
        low, high: 95 % interval over patients, None for slices.
    """

    value: float | None
    counted: int
    low: float | None = None
    high: float | None = None


class Sizes(Entry):
    """How much went into a row, all trainings together.

    Args:
        trainings: how many.
        steps: of one.
        patients: who was trained on in the first.
        samples: slices, or volumes, that were trained on in the first.
        unit: which of the two.
        measured: what figures are of, all trainings together, where it shows what is measured.
        measured_unit: which of slices and patients.
    """

    trainings: int
    steps: int
    patients: int
    samples: int
    unit: Literal["slices", "volumes"]
    measured: int
    measured_unit: Literal["slices", "patients"]


class RowResult(Entry):
    """One row.

    Args:
        name: of the row.
        published: the paper's figures by metric, None where it gives none.
        figures: what was measured, by metric.
        nothing: what finding nothing at all would score, by metric; empty where that is not known.
        sizes: how much went into it.
        notes: what is to be known of this row.
    """

    name: str
    published: tuple[float | None, ...]
    figures: tuple[Figure, ...]
    nothing: tuple[Figure, ...] = ()
    sizes: Sizes
    notes: tuple[str, ...] = ()


class ProtocolResult(Entry):
    """All rows under one protocol.

    Args:
        command: that measured them.
        rows: of the table.
        notes: what is to be known of all of them.
    """

    command: str
    rows: tuple[RowResult, ...]
    notes: tuple[str, ...] = ()


class Reproduction(Entry):
    """Everything that was measured of a system.

    Args:
        name: of the system.
        quick: whether it was made small.
        data: name of the data's folder, and what it holds.
        metrics: of the table.
        protocols: those that were run.
    """

    format: Literal[1] = 1
    software: str = f"LiverTumorSeg {__version__}"
    name: str
    quick: bool
    data: str
    metrics: tuple[Metric, ...]
    protocols: dict[ProtocolName, ProtocolResult] = Field(default_factory=dict)

    def with_protocol(self, name: ProtocolName, result: ProtocolResult) -> Reproduction:
        """The same with what one protocol measured, the published one first."""
        both: dict[ProtocolName, ProtocolResult] = {**self.protocols, name: result}
        return self.model_copy(update={"protocols": {key: both[key] for key in PROTOCOLS if key in both}})

    def same_but_for_protocols(self, other: Reproduction) -> bool:
        """Whether both are of one system, on the same data and as large."""
        keys = ("name", "quick", "data", "metrics")
        return all(getattr(self, key) == getattr(other, key) for key in keys)


def begun(folder: Path, wanted: Reproduction, *, overwrite: bool) -> Reproduction:
    """What a folder holds already of a reproduction; ``wanted`` itself where it holds nothing.

    Raises:
        UserError: it holds another reproduction that may not be given up, or a damaged one.
    """
    path = folder / JSON
    try:
        found = Reproduction.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return wanted
    except (OSError, ValidationError) as error:
        if overwrite:
            return wanted
        msg = f"{path} is not what this version writes: choose another folder, or have it replaced (--overwrite)."
        raise UserError(msg) from error
    if found.same_but_for_protocols(wanted):
        return found
    if overwrite:
        return wanted
    how = "quick" if found.quick else "in full"
    msg = (
        f"{folder} holds the reproduction of {found.name} on {found.data}, {how}: choose another folder, or have it "
        "replaced (--overwrite)."
    )
    raise UserError(msg)
