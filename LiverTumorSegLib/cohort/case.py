"""One CT of a cohort."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import UserError
from . import contents

_NO_FILE_NAME = re.compile(r'^\.|[\\/:*?"<>|\x00-\x1f]')


@dataclass(frozen=True)
class CohortCase:
    """Where a CT is and what its outputs are called.

    Args:
        name: of the case.
        path: file, or folder of DICOM files.
        size: bytes of its files, 0 where they are not there.
        series: UID of the DICOM series.
        files: of a folder; none where the path is the file.
    """

    name: str
    path: Path
    size: int
    series: str | None = None
    files: tuple[Path, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """What tells it from another CT of this name, of :func:`.contents.fingerprint`."""
        return contents.fingerprint(self.files or (self.path,), self.series)


def refuse_clashes(cases: Iterable[CohortCase]) -> None:
    """Refuse names that cannot be those of files, or that two CTs share, also where only capitals tell them apart.

    Raises:
        UserError: there is one.
    """
    known: dict[str, CohortCase] = {}
    for case in cases:
        if not case.name or _NO_FILE_NAME.search(case.name):
            msg = f"{case.path} would be the case “{case.name}”, which cannot be a file's name: choose another."
            raise UserError(msg)
        other = known.setdefault(case.name.casefold(), case)
        if other is not case:
            msg = (
                f"{other.path} and {case.path} would both be the case {case.name}: rename one, or list the CTs in a "
                "CSV with the columns image and case."
            )
            raise UserError(msg)
