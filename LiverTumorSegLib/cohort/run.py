"""Segment every CT of a cohort, or a rank's share of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import device as devices
from ..model import Model
from ..progress import CancelToken, Progress, job
from ..quiet import quiet_libraries
from . import ranks, records, refusals, table
from .alone import alone
from .cases import find
from .ranks import ALONE, Rank
from .records import Record, State
from .settings import Settings
from .work import Work

_USUAL = Settings()


@dataclass(frozen=True)
class Summary:
    """What became of a rank's share.

    Args:
        done: what was segmented now, by case.
        skipped: cases that were done before.
        failed: why, by case.
        remarks: what was left out of the cohort, a sentence each.
        table: the file of all ranks' cases.
    """

    done: Mapping[str, Record]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    remarks: tuple[str, ...]
    table: Path


def run(
    source: Path,
    output: Path,
    model: Model,
    *,
    settings: Settings = _USUAL,
    device: str = "auto",
    rank: Rank = ALONE,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Summary:
    """Segment a cohort; run again, it goes on where it was stopped or killed, and tries again what failed.

    A case is done when its files are there and its record says that this model made them, with these options, of this
    CT. Ranks do not talk to each other: each takes its share of what is found, and a restart, be it with another number
    of ranks, takes what is not done. While a run goes on, another one with the same cases is refused.

    Args:
        source: folder or list, see :func:`.cases.find`.
        output: folder for ``CASE.seg.nrrd``, ``cohort.csv`` and the records in ``.cohort``.
        model: from :func:`LiverTumorSegLib.model.load`.
        settings: how, and what is written.
        device: as :func:`LiverTumorSegLib.inference.segment`; of several ranks on ``auto`` each has its own GPU.
        rank: which process this is.
        progress: told the share of the cases that is done, and what is being done.
        cancel: checked before every batch.

    Raises:
        UserError: before anything is segmented: there is no CT, two have one name, the output is where it must not be
            or holds files that are not from here, from another model or of other CTs with the same names, or another
            run is at work there.
        Cancelled: ``cancel`` was used; what is done stays.
    """
    refusals.refuse_nested(source, output, settings)
    with quiet_libraries():
        found = find(source, (output, *settings.folders), cancel)
    work = Work(output, model, settings, ranks.device_of(rank, device))
    devices.place(work.device, settings.options.precision)
    share = ranks.share(found.cases, rank)
    with alone(output, rank):
        work.prepare(found.cases, share, rank.number)
        todo = [case for case in share if not work.is_done(case)]
        try:
            done = work.segment_all(todo, job(progress, cancel))
        finally:
            table.write(output, rank.number)
    return Summary(
        done={record.case: record for record in done if record.state is State.DONE},
        skipped=tuple(case.name for case in share if case not in todo),
        failed={record.case: record.failure for record in done if record.state is State.FAILED},
        remarks=(*found.remarks, *_of_others(output, {case.name for case in found.cases})),
        table=output / table.NAME,
    )


def _of_others(output: Path, names: Collection[str]) -> list[str]:
    others = [record.case for record in records.read_all(output) if record.case not in names]
    return [f"{table.NAME} also has cases that are not among these: {', '.join(others)}."] if others else []
