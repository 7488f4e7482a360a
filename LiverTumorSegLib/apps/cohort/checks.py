"""Checks of where a cohort is written to, made before anything is segmented."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from . import records
from .cases import CohortCase
from .records import CaseState
from .settings import CaseOutputs, CohortSettings


def refuse_nested(source: Path, output: Path, settings: CohortSettings) -> None:
    """Refuse to write into the folder of the CTs, the table where a folder is, or what does not go together.

    Raises:
        UserError: that was asked for.
    """
    if source.resolve() in {folder.resolve() for folder in (output, *settings.folders)}:
        msg = f"{source} is the folder of the CTs: choose another one to write to."
        raise UserError(msg)
    if (output / records.TABLE).is_dir():
        msg = f"{output / records.TABLE} is a folder: rename it, since the table goes there."
        raise UserError(msg)
    if settings.probabilities and settings.probabilities.resolve() == output.resolve():
        msg = f"{output} is the folder of the labels: choose another one for the probabilities."
        raise UserError(msg)
    shared = {folder.resolve() for folder in (settings.report, settings.dicom) if folder}
    if settings.separate and settings.separate.resolve() in shared:
        msg = (
            f"{settings.separate} is also given for the reports or DICOM objects: choose another folder for --separate."
        )
        raise UserError(msg)


def refuse_inputs(inputs: Iterable[Path], outputs: Iterable[CaseOutputs]) -> None:
    """Refuse to replace a CT.

    Raises:
        UserError: it would be replaced.
    """
    taken = {Path(os.path.realpath(path)) for path in inputs}  # resolve() raises on a link to itself until Python 3.13
    own = next((path for each in outputs for path in each.files if path.resolve() in taken), None)
    if own is not None:
        msg = f"{own} is one of the CTs: choose another folder to write to."
        raise UserError(msg)


def refuse_foreign(output: Path, outputs: Iterable[CaseOutputs]) -> None:
    """Refuse to replace files that are not from here.

    A record comes before its files, also where a process was killed between the two, and a case that failed has none.

    Raises:
        UserError: such are there.
    """
    for each in outputs:
        there = next((path for path in each.files if path.exists()), None)
        record = records.read_record(output, each.case) if there else None
        if there is not None and (record is None or record.state is CaseState.FAILED):
            msg = (
                f"{there} exists already, and no record says that this cohort made it: choose another folder, or "
                "allow it to be replaced (--overwrite)."
            )
            raise UserError(msg)


def refuse_mixed(output: Path, how: Mapping[str, Any]) -> None:
    """Refuse to put labels beside those that another model, or other options, made.

    Args:
        output: the labels' folder.
        how: what labels follow from now, of :meth:`.settings.CohortSettings.how`.

    Raises:
        UserError: such are there.
    """
    for record in records.read_records(output):
        if record.state is CaseState.FAILED or not record.how or record.how == how:
            continue
        key = next((key for key in (*how, *record.how) if record.how.get(key) != how.get(key)), "format")
        before, now = record.how.get(key), how.get(key)
        if key == "postprocessing":
            before, now = _apart(before, now)
        msg = (
            f"{output} holds {record.case}, made with {_in_words(key, before)} and not {_in_words(key, now)}: "
            "choose another folder, or have every case done again (--overwrite)."
        )
        raise UserError(msg)


def refuse_other_cts(output: Path, cases: Iterable[CohortCase]) -> None:
    """Refuse to take the labels of another CT for those of a case, or to replace them.

    Raises:
        UserError: a case's record is of another CT, or of one that can no longer be read.
    """
    for case in cases:
        record = records.read_record(output, case.name)
        if record is None or record.state is CaseState.FAILED or not record.how or record.ct == case.fingerprint:
            continue
        msg = (
            f"{output} holds {case.name}, made from another CT than {case.path}: choose another folder, or have "
            "every case done again (--overwrite)."
        )
        raise UserError(msg)


_OTHERS = {"liver_model": "--liver-model", "also": "--also"}


def _apart(one: Any, other: Any) -> tuple[Any, Any]:
    """Options without those that are alike."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one, other
    names = [name for name in (one | other) if one.get(name) != other.get(name)]
    return {name: one.get(name) for name in names}, {name: other.get(name) for name in names}


def _in_words(key: str, value: Any) -> str:
    if key == "model":
        return f"the model {value['name'] if isinstance(value, dict) else value}"
    if key in _OTHERS:
        models = value if isinstance(value, list) else [value] if value else []
        names = ", ".join(str(each["model"]["name"]) for each in models)
        return f"{_OTHERS[key]} {names}" if names else f"no {_OTHERS[key]}"
    if key == "weights_sha256":
        return f"the weights {str(value)[:12]}…"
    if key == "postprocessing" and value:
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return f"{key} {value}"
