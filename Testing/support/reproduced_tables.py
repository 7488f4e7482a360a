"""Tables of the published systems as they were reproduced, from the JSON files that lie beside their page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from LiverTumorSegLib.experiments.reproduction import report
from LiverTumorSegLib.experiments.reproduction.estimate import in_hours
from LiverTumorSegLib.experiments.reproduction.results import Reproduction, RowResult

Table = Callable[[Iterable[str], Iterable[Iterable[str]]], str]
_TRAINED = ["row", "protocol", "steps", "trained on", "measured on", "curve flattened", "time", "foreseen"]


def makers(folder: Path, table: Table) -> dict[str, Callable[[], str]]:
    """What makes the tables of each system, by ``system NAME``.

    Args:
        folder: with one ``NAME.json`` a system, as ``livertumorseg reproduce`` writes its ``reproduction.json``.
        table: writes a Markdown table.
    """
    return {f"system {path.stem}": _maker(path, table) for path in sorted(folder.glob("*.json"))}


def _maker(path: Path, table: Table) -> Callable[[], str]:
    def made() -> str:
        done = Reproduction.model_validate_json(path.read_bytes())
        figures = table(report.headings(done), _sparse(report.table(done)))
        commands = "".join(f"{result.command}\n" for result in done.protocols.values())
        return f"{figures}\n{table(_TRAINED, _trainings(done))}\nData: {done.data}.\n\n```text\n{commands}```\n"

    return made


def _sparse(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """A row's name in its first line alone."""
    before = ""
    for name, *cells in rows:
        yield ["" if name == before else name, *cells]
        before = name


def _trainings(done: Reproduction) -> Iterator[list[str]]:
    for protocol, result in done.protocols.items():
        for row in result.rows:
            yield [row.name, protocol, *_training(row)]


def _training(row: RowResult) -> Iterator[str]:
    sizes, several = row.sizes, row.sizes.trainings > 1
    yield f"{sizes.trainings} times {report.describe_steps(row)}" if several else report.describe_steps(row)
    yield f"{sizes.samples} {sizes.unit} of {sizes.patients} patients"
    yield f"{sizes.measured} {sizes.measured_unit}"
    yield report.describe_flattening(row)
    yield from ("" if seconds is None else in_hours(seconds) for seconds in (row.seconds, row.foreseen))
