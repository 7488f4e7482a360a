"""Parts of reproductions that several tests share."""

from pathlib import Path

import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.experiments.reproduction import run, systems
from LiverTumorSegLib.experiments.reproduction.estimate import Estimate
from LiverTumorSegLib.experiments.reproduction.results import (
    Figure,
    ProtocolResult,
    Reproduction,
    RowResult,
    TrainingSizes,
)

DATA = VolumeSource(volumes="LITS")
ROWS = [(name, row.name) for name in systems.names() for row in systems.load(name).rows]


def recipe(name, row, size="published", weights=None, split=None):
    """The recipe of a row."""
    known = systems.load(name)
    (chosen,) = (each for each in known.rows if each.name == row)
    split = split or {"validation": ["volume-0"]}
    return systems.recipe_of_row(known, chosen, [DATA], weights or {}, size=size, split=split)


def unmeasured(monkeypatch):
    """Reproductions begin without a look at what they will take."""
    nothing = Estimate((), 0.0, 0.0, 0.0, (Path(), Path()), None, "cpu")
    monkeypatch.setattr(run, "estimate", lambda *_, **__: nothing)


def row_result(name, published, *values, low=None, high=None, notes=()):
    figures = tuple(Figure(value=value, counted=3, low=low, high=high) for value in values)
    sizes = TrainingSizes(
        trainings=1, steps=30, patients=4, samples=67, unit="slices", measured=12, measured_unit="slices"
    )
    return RowResult(name=name, published=published, figures=figures, sizes=sizes, notes=notes)


def reproduced(name, rows, size="quick", protocol="published"):
    """What a reproduction holds after one protocol."""
    metrics = systems.load(name).metrics
    done = Reproduction(name=name, size=size, data="LITS (LiTS, 4 patients)", metrics=metrics)
    return done.with_protocol(protocol, ProtocolResult(command=f"livertumorseg reproduce {name}", rows=tuple(rows)))
