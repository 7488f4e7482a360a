"""Patients of a data set by number or name, as the option ``--patients`` has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ...core.errors import UserError
from .data import DataSet

_NOT = "not:"
_RANGE = re.compile(r"(\d+)-(\d+)")
_NUMBER = re.compile(r"\d+")
_LAST_NUMBER = re.compile(r"(\d+)$")
_HELP = "give numbers, ranges or names, such as 0-27,48-130 or volume-3, or what to leave out, such as not:28-47"


def choose_patients(data: DataSet, words: str | None) -> DataSet:
    """The data set with those of its patients who are asked for, in its own order.

    Args:
        data: whose patients.
        words: entries with commas between them: a number or a range of numbers, both as names end in them (``7``,
            ``28-47``), or a name; after ``not:`` an entry is left out. All are taken where each entry is left out. None
            for all.

    Raises:
        UserError: an entry is none of these or names nobody in the data, or nobody is left.
    """
    if words is None:
        return data
    entries = [entry.strip() for entry in words.split(",")]
    wanted = {name for entry in entries if not entry.startswith(_NOT) for name in _named(entry, data)}
    unwanted = {name for entry in entries if entry.startswith(_NOT) for name in _named(entry[len(_NOT) :], data)}
    taken = wanted or set(data.patients)
    left = tuple(name for name in data.patients if name in taken and name not in unwanted)
    if not left:
        msg = f"--patients {words} leaves nobody of {data.folders}: {_HELP}."
        raise UserError(msg)
    return replace(data, patients=left, chosen=words)


def _named(entry: str, data: DataSet) -> Sequence[str]:
    fits = _test_of(entry)
    found = [name for name in data.patients if fits(name)]
    if not found:
        apart = f" {data.repeated_persons}" if data.repeated else ""
        msg = f"--patients: “{entry}” is nobody in {data.folders}: {_HELP}.{apart}"
        raise UserError(msg)
    return found


def _test_of(entry: str) -> Callable[[str], bool]:
    """Whether a name is meant by an entry."""
    if between := _RANGE.fullmatch(entry):
        first, last = (int(number) for number in between.groups())
        return lambda name: (number := _number(name)) is not None and first <= number <= last
    if _NUMBER.fullmatch(entry):
        return lambda name: _number(name) == int(entry)
    return lambda name: name == entry


def _number(name: str) -> int | None:
    """The number that a name ends in."""
    found = _LAST_NUMBER.search(name)
    return int(found[1]) if found else None
