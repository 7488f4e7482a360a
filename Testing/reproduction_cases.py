"""Parts of reproductions that several tests share."""

import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.reproduction import plans, system
from LiverTumorSegLib.reproduction.results import Figure, ProtocolResult, Reproduction, RowResult, Sizes

DATA = VolumeSource(volumes="LITS")
ROWS = [(name, row.name) for name in system.names() for row in system.load(name).rows]


def recipe(name, row, small=False, weights=None, split=None):
    """The recipe of a row."""
    known = system.load(name)
    (chosen,) = (each for each in known.rows if each.name == row)
    return plans.recipe_of(known, chosen, DATA, weights or {}, small=small, split=split or {"validation": []})


def row_result(name, published, *values, low=None, high=None, notes=()):
    figures = tuple(Figure(value=value, counted=3, low=low, high=high) for value in values)
    sizes = Sizes(trainings=1, steps=30, patients=4, samples=67, unit="slices", measured=12, measured_unit="slices")
    return RowResult(name=name, published=published, figures=figures, sizes=sizes, notes=notes)


def reproduced(name, rows, quick=True, protocol="published"):
    """What a reproduction holds after one protocol."""
    metrics = system.load(name).metrics
    done = Reproduction(name=name, quick=quick, data="LITS (LiTS, 4 patients)", metrics=metrics)
    return done.with_protocol(protocol, ProtocolResult(command=f"livertumorseg reproduce {name}", rows=tuple(rows)))
