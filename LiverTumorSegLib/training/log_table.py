"""The table that a training writes beside its model, ``MODEL-log/version_N/metrics.csv``, read again."""

from __future__ import annotations

import csv
from pathlib import Path

from .checkpoints import training_logs

METRICS = "metrics.csv"


def read_rows(model: Path) -> list[dict[str, float]]:
    """The rows of a model's newest training with any, in the order of its steps; none where there are no such logs.

    Args:
        model: folder.

    Returns:
        Values by column (``step``, ``loss``, ``learning_rate`` and what validations measure), of each row those that
        it has.
    """
    tables = (_read(log / METRICS) for log in reversed(training_logs(model)))
    return next((rows for rows in tables if rows), [])


def _read(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as table:
            return [
                {name: float(value) for name, value in row.items() if name and value} for row in csv.DictReader(table)
            ]
    except (OSError, ValueError, TypeError, csv.Error):
        return []


def last_value(rows: list[dict[str, float]], column: str) -> float | None:
    """The newest value of a column; None where no row has one."""
    return next((row[column] for row in reversed(rows) if column in row), None)
