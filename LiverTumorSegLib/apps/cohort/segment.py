"""Segmentation of a cohort, or of a rank's share of it, one case after another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ...core import device as devices
from ...core import ranks, sanitize
from ...core.device_loss import has_lost_device
from ...core.errors import UserError
from ...core.native_stderr import silence_libraries
from ...core.prefetch import prefetch
from ...core.progress import Cancelled, CancelToken, Job, Progress, job
from ...core.ranks import ALONE, Rank
from ...core.volume import Volume
from ...inference.model_set import ModelSet
from ...inference.segment import Segmentation
from ...models.model_folder import Model
from ...pipeline import CTFile, SegmentationResult
from ...pipeline import run as segment_and_write
from ...reporting.lesions import LesionTable
from . import checks, records
from .cases import CohortCase, find, share_cases
from .fresh_processes import segment_elsewhere
from .records import CaseRecord, CaseState, exclusive_run
from .settings import CaseOutputs, CohortSettings, structures_beside

_OUT_OF_MEMORY = "There is not enough memory to segment it: close other programs, or use a machine with more."


@dataclass(frozen=True)
class CohortWork:
    """Segments cases and keeps their records.

    Args:
        output: the labels' folder.
        models: loaded once for all of them.
        settings: how, and what is written.
        device: where.
    """

    output: Path
    models: ModelSet
    settings: CohortSettings
    device: str

    @cached_property
    def how(self) -> dict[str, Any]:
        """Models and options that the labels follow from."""
        liver, also = self.models.liver, [each.description for each in self.models.also]
        return self.settings.how(self.models.model.description, liver.description if liver else None, also)

    def prepare(self, cases: Collection[CohortCase], share: Collection[CohortCase], rank: int) -> None:
        """Refuse what must not be written to, and clear away what a killed process left of this share.

        Raises:
            UserError: as :mod:`.checks` says, or a folder cannot be written to.
        """
        outputs = [self.outputs(case) for case in cases]
        checks.refuse_inputs([case.path for case in cases], outputs)
        if not self.settings.overwrite:
            checks.refuse_mixed(self.output, self.how)
            checks.refuse_foreign(self.output, outputs)
            checks.refuse_other_cts(self.output, cases)
        for folder in (self.output, self.output / records.FOLDER, *self.settings.folders):
            with records.whole_files(folder, f"{records.TABLE}-{rank}"):
                pass  # it can be written to
        for case in share:
            self.outputs(case).remove_unfinished()
            records.remove_unfinished(self.output / records.FOLDER, case.name)
            if self.settings.overwrite:
                self.write_record(case, CaseState.UNFINISHED)

    def is_done(self, case: CohortCase) -> bool:
        """Whether its files are there and of this run's kind."""
        record = records.read_record(self.output, case.name)
        if record is None or record.state is not CaseState.DONE:
            return False
        if self.settings.dicom and record.dicom != self.settings.dicom_kind:
            return False
        return record.how == self.how and record.ct == case.fingerprint and self.outputs(case).are_whole

    def segment_all(self, cases: Sequence[CohortCase], task: Job) -> list[CaseRecord]:
        """Segment cases, and record those that cannot be.

        Raises:
            Cancelled: the user asked to stop; what is done stays.
        """
        done: list[CaseRecord] = []

        def begin(case: CohortCase) -> Job:
            number = len(done)
            part = task.part(number / len(cases), (number + 1) / len(cases))
            part.at(0, f"Case {number + 1} of {len(cases)}, {case.name}: reading")
            return part

        was_elsewhere = False
        while len(done) < len(cases):
            if has_lost_device() and not was_elsewhere:  # perhaps before the first of these cases
                for record in segment_elsewhere(self, cases[len(done) :], task.cancel, begin):
                    done.append(record)  # noqa: PERF402, how many are done is asked meanwhile
                was_elsewhere = True  # if any are left now, it does not come back
            with closing(prefetch(cases[len(done) :], self._read, task.cancel)) as readings:
                for case, take in readings:
                    done.append(self._try(case, take, begin(case)))
                    if has_lost_device() and not was_elsewhere:
                        break
        return done

    def attempt(self, case: CohortCase, task: Job) -> CaseRecord:
        """Read and segment a case, and record it, or why it cannot be."""
        return self._try(case, lambda: self._read(case), task)

    def fail(self, case: CohortCase, sentence: str) -> CaseRecord:
        """Record why a case could not be segmented, and leave nothing of an earlier run of it."""
        self.write_record(case, CaseState.UNFINISHED)
        self.outputs(case).remove()
        return self.write_record(case, CaseState.FAILED, failure=self._without_places(sentence, case))

    def _try(self, case: CohortCase, take: Callable[[], Volume], task: Job) -> CaseRecord:
        try:
            return self._segment(case, take(), task)
        except Exception as error:  # one odd CT must not cost the others a night
            if isinstance(error, Cancelled):
                raise
            sentence = _failure_sentence(error)
        return self.fail(case, sentence)

    def _segment(self, case: CohortCase, volume: Volume, task: Job) -> CaseRecord:
        def tell(fraction: float, sentence: str) -> None:
            task.tell(fraction, f"{case.name}: {sentence}")

        options = replace(self.settings.options, probabilities=bool(self.settings.probabilities))
        output, own = _CaseOutput(self, case), Job(tell, task.cancel)
        result = segment_and_write(volume, self.models, [output], device=self.device, options=options, job=own)
        return self.write_record(case, CaseState.DONE, **_record_fields(result))

    def _read(self, case: CohortCase) -> Volume:
        _ = case.fingerprint  # taken before the CT is read, so that one replaced meanwhile is told from it
        return CTFile(case.path, case.series, self.settings.force, self.settings.damaged).read()

    def write_record(self, case: CohortCase, state: CaseState, **facts: Any) -> CaseRecord:
        """Keep what became of a case, and return it."""
        kind, ct = self.settings.dicom_kind, case.fingerprint
        record = CaseRecord(case=case.name, state=state, how=self.how, ct=ct, dicom=kind, **facts)
        records.write_record(self.output, record)
        return record

    def outputs(self, case: CohortCase) -> CaseOutputs:
        """The files of a case."""
        return CaseOutputs.of(case.name, self.output, self.settings, self.models.marks, structures_beside(self.models))

    def _without_places(self, sentence: str, case: CohortCase) -> str:
        """Records and tables are passed on."""
        return sanitize.strip_folders(sentence, (case.path.parent, self.output, *self.settings.folders))


def _failure_sentence(error: Exception) -> str:
    if isinstance(error, (UserError, OSError)):
        return str(error)
    if isinstance(error, MemoryError):
        return _OUT_OF_MEMORY
    kind = " ".join(f"{type(error).__name__}: {error}".split())
    return f"It could not be segmented ({kind}): check that other programs can open the CT, or leave it out."


@dataclass(frozen=True)
class _CaseOutput:
    """The files of a case, which were checked with those of all others before any was segmented."""

    work: CohortWork
    case: CohortCase
    stage: ClassVar[str] = "Writing labels"

    def files(self, marks: Sequence[str]) -> list[Path]:  # noqa: ARG002
        return self.work.outputs(self.case).files

    def check(self, marks: Sequence[str], source: Path | None) -> None:
        """Leave it to :meth:`CohortWork.prepare`."""

    def check_volume(self, volume: Volume) -> None:
        self.work.outputs(self.case).check_volume(volume)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:
        self.work.write_record(self.case, CaseState.UNFINISHED)
        return self.work.outputs(self.case).write(found, table)


def _record_fields(result: SegmentationResult) -> dict[str, Any]:
    content = result.lesions.to_dict()
    return {name: content[name] for name in ("liver_ml", "lesion_ml", "burden_percent", "lesion_count")} | {
        "device": result.segmentation.device,
        "warnings": result.warnings,
    }


_DEFAULT_SETTINGS = CohortSettings()


@dataclass(frozen=True)
class Summary:
    """Outcome of a rank's share.

    Args:
        done: what was segmented now, by case.
        skipped: cases that were done before.
        failed: why, by case.
        remarks: what was left out of the cohort, a sentence each.
        table: the file of all ranks' cases.
    """

    done: Mapping[str, CaseRecord]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    remarks: tuple[str, ...]
    table: Path


def segment_cohort(
    source: Path,
    output: Path,
    model: Model | ModelSet,
    *,
    settings: CohortSettings = _DEFAULT_SETTINGS,
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
        model: from :func:`LiverTumorSegLib.models.model_folder.load`, or several.
        settings: how, and what is written.
        device: as :func:`LiverTumorSegLib.inference.segment.segment`; of several ranks on ``auto`` each has a GPU.
        rank: which process this is.
        progress: told the share of the cases that is done, and what is being done.
        cancel: checked before every batch.

    Raises:
        UserError: before anything is segmented: there is no CT, two have one name, the output is where it must not be
            or holds files that are not from here, from another model or of other CTs with the same names, or another
            run is at work there.
        Cancelled: ``cancel`` was used; what is done stays.
    """
    checks.refuse_nested(source, output, settings)
    with silence_libraries():
        found = find(source, (output, *settings.folders), cancel)
    models = model if isinstance(model, ModelSet) else ModelSet(model)
    work = CohortWork(output, models, settings, ranks.choose_rank_device(rank, device))
    with suppress(devices.LostDevice):  # it may answer another process, where the cases then go on
        devices.choose_device(work.device, settings.options.precision)
    share = share_cases(found.cases, rank)
    with exclusive_run(output, rank):
        work.prepare(found.cases, share, rank.number)
        todo = [case for case in share if not work.is_done(case)]
        try:
            done = work.segment_all(todo, job(progress, cancel))
        finally:
            records.write_table(output, rank.number)
    return Summary(
        done={record.case: record for record in done if record.state is CaseState.DONE},
        skipped=tuple(case.name for case in share if case not in todo),
        failed={record.case: record.failure for record in done if record.state is CaseState.FAILED},
        remarks=(*found.remarks, *_remark_on_others(output, {case.name for case in found.cases})),
        table=output / records.TABLE,
    )


def _remark_on_others(output: Path, names: Collection[str]) -> list[str]:
    others = [record.case for record in records.read_records(output) if record.case not in names]
    return [f"{records.TABLE} also has cases that are not among these: {', '.join(others)}."] if others else []
