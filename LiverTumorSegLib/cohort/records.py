"""What is known of each case, in a file of its own: no two processes ever write the same one."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from .. import __version__
from ..evaluation.pairs.case_names import natural
from .unfinished import whole_files

FOLDER = ".cohort"
"""Inside the folder of the labels; hidden, so that ``evaluate`` passes by."""


class State(str, Enum):
    """How far a case is; unfinished is one whose files may be those of another run, or lack in part."""

    UNFINISHED = "unfinished"
    DONE = "done"
    FAILED = "failed"


class Record(BaseModel):
    """What is known of a case.

    Args:
        case: its name.
        state: how far it is.
        how: what its labels follow from, of :meth:`.settings.Settings.how`.
        ct: what tells its CT from others, of :attr:`.case.CohortCase.fingerprint`.
        device: where it was segmented, and in which precision.
        liver_ml, lesion_ml, burden_percent, lesion_count: as :class:`LiverTumorSegLib.lesions.LesionTable`.
        warnings: a sentence each.
        failure: why it could not be segmented.
        version: of this program.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)  # earlier versions kept seconds

    case: str
    state: State
    how: dict[str, Any] = {}
    ct: str = ""
    device: str = ""
    liver_ml: float | None = None
    lesion_ml: float | None = None
    burden_percent: float | None = None
    lesion_count: int | None = None
    warnings: tuple[str, ...] = ()
    failure: str = ""
    version: str = __version__
    format: Literal[1] = 1


def write(output: Path, record: Record) -> None:
    """Write a case's record, whole or not at all."""
    with whole_files(output / FOLDER, record.case) as scratch:
        text = record.model_dump_json(indent=2) + "\n"
        (scratch / f"{record.case}.json").write_text(text, encoding="utf-8")


def read(output: Path, case: str) -> Record | None:
    """A case's record, if there is one; unfinished where it is damaged, as a power cut leaves it."""
    try:
        return Record.model_validate_json((output / FOLDER / f"{case}.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        return Record(case=case, state=State.UNFINISHED)


def read_all(output: Path) -> list[Record]:
    """Every record of a folder, sorted by case."""
    names = sorted((path.stem for path in (output / FOLDER).glob("*.json")), key=natural)
    return [record for name in names if (record := read(output, name))]
