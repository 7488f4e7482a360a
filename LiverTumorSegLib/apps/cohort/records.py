"""Records of a cohort's cases, the table ``cohort.csv`` that is made of them, and the mark that keeps others out."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...core import text_files
from ...core.about import __version__
from ...core.atomic_files import TemporaryFolder, remove_leftovers
from ...core.case_names import natural_sort_key
from ...core.errors import UserError
from ...core.ranks import Rank


@contextmanager
def whole_files(folder: Path, name: str) -> Iterator[Path]:
    """Give a hidden folder inside ``folder`` to write files to, which are moved out of it when all went well.

    Args:
        folder: where they go; created, and what is there is replaced.
        name: that no other process uses at the same time.

    Raises:
        UserError: the folder cannot be written to.
    """
    scratch = _unfinished_folder(folder, name)
    remove_unfinished(folder, name)
    try:
        scratch.mkdir(parents=True)
    except OSError as error:
        msg = f"{folder} cannot be written to ({error.strerror}): choose a folder you may write to."
        raise UserError(msg) from error
    try:
        yield scratch
        for file in list(scratch.iterdir()):
            file.replace(folder / file.name)
    finally:
        remove_unfinished(folder, name)


def remove_unfinished(folder: Path, name: str) -> None:
    """Remove what a process that was killed left."""
    shutil.rmtree(_unfinished_folder(folder, name), ignore_errors=True)


def _unfinished_folder(folder: Path, name: str) -> Path:
    return folder / f".{name}.unfinished"


FOLDER = ".cohort"
"""Inside the folder of the labels; hidden, so that ``evaluate`` passes by."""


class CaseState(str, Enum):
    """State of a case; unfinished is one whose files may be those of another run, or lack in part."""

    UNFINISHED = "unfinished"
    DONE = "done"
    FAILED = "failed"


class CaseRecord(BaseModel):
    """Record of a case.

    Args:
        case: its name.
        state: how far it is.
        how: what its labels follow from, of :meth:`.settings.CohortSettings.how`.
        ct: what tells its CT from others, of :attr:`.cases.CohortCase.fingerprint`.
        device: where it was segmented, and in which precision.
        liver_ml, lesion_ml, burden_percent, lesion_count: as :class:`LiverTumorSegLib.reporting.lesions.LesionTable`.
        warnings: a sentence each.
        failure: why it could not be segmented.
        dicom: how DICOM objects were asked for, of :attr:`.settings.CohortSettings.dicom_kind`.
        version: of this program.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)  # earlier versions kept seconds

    case: str
    state: CaseState
    how: dict[str, Any] = {}
    ct: str = ""
    device: str = ""
    liver_ml: float | None = None
    lesion_ml: float | None = None
    burden_percent: float | None = None
    lesion_count: int | None = None
    warnings: tuple[str, ...] = ()
    failure: str = ""
    dicom: str = "each, binary"
    version: str = __version__
    format: Literal[1] = 1


def write_record(output: Path, record: CaseRecord) -> None:
    """Write a case's record, whole or not at all."""
    with whole_files(output / FOLDER, record.case) as scratch:
        text = record.model_dump_json(indent=2) + "\n"
        (scratch / f"{record.case}.json").write_text(text, encoding="utf-8")


def read_record(output: Path, case: str) -> CaseRecord | None:
    """A case's record, if there is one; unfinished where it is damaged, as a power cut leaves it."""
    try:
        return CaseRecord.model_validate_json((output / FOLDER / f"{case}.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        return CaseRecord(case=case, state=CaseState.UNFINISHED)


def read_records(output: Path) -> list[CaseRecord]:
    """Every record of a folder, sorted by case."""
    names = sorted((path.stem for path in (output / FOLDER).glob("*.json")), key=natural_sort_key)
    return [record for name in names if (record := read_record(output, name))]


TABLE = "cohort.csv"
_TABLE_COLUMNS = {
    "case": "case",
    "device": "device",
    "liver_ml": "liver_ml",
    "lesion_ml": "lesion_ml",
    "burden_percent": "burden_percent",
    "lesions": "lesion_count",
    "warnings": "warnings",
    "failure": "failure",
}


def write_table(output: Path, rank: int) -> None:
    """Put the table together from the records.

    Every rank does so when it ends, and again where records changed meanwhile: whichever writes last has seen all
    records that were there, since no rank ends before it has written after its own last record.
    """
    written = None
    while (text := records_as_csv(read_records(output))) != written:
        with whole_files(output, f"{TABLE}-{rank}") as scratch:
            (scratch / TABLE).write_text(text, encoding="utf-8")
        written = text


def records_as_csv(rows: Iterable[CaseRecord]) -> str:
    """A header and a row for each case that is done or failed; a cell is empty where nothing is known."""
    return text_files.to_csv(
        _TABLE_COLUMNS, (_table_row(record) for record in rows if record.state is not CaseState.UNFINISHED)
    )


def _table_row(record: CaseRecord) -> text_files.TableRow:
    fields = record.model_dump() | {"warnings": " ".join(record.warnings)}
    return {column: fields[name] for column, name in _TABLE_COLUMNS.items()}


_MARKER = ".running-"


@contextmanager
def exclusive_run(output: Path, rank: Rank) -> Iterator[None]:
    """Mark that a rank works on a cohort, for as long as its process lives.

    Raises:
        UserError: a process that lives has the same share, or shares the cohort out among another number; or the
            folder cannot be written to.
    """
    own_prefix, of = f"{_MARKER}{rank.number}-", f"of-{rank.count}-"
    folder = output / FOLDER
    new = [place for place in (folder, output) if not place.exists()]
    marker = _mark_running(output, folder, f"{own_prefix}{of}")
    try:
        others = [path.name for path in folder.glob(f"{_MARKER}*") if path != marker.path]
        for name in others:
            if name.startswith(own_prefix) or of not in name:
                msg = (
                    f"{output} is being written to by another run: wait until it has ended, or choose another folder "
                    f"(if none runs, delete {FOLDER}/{name})."
                )
                raise UserError(msg)
        yield
    finally:
        marker.remove()
        for place in new:
            with suppress(OSError):  # it holds something by now
                place.rmdir()


def _mark_running(output: Path, folder: Path, prefix: str) -> TemporaryFolder:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder, _MARKER)
        return TemporaryFolder(folder, prefix)
    except OSError as error:
        msg = f"{output} cannot be written to ({error.strerror}): choose a folder you may write to."
        raise UserError(msg) from error
