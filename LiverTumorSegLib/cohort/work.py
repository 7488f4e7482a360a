"""The cases of one process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import files, lesions, places
from ..errors import UserError
from ..inference import Segmentation, segment
from ..lesions import LesionTable
from ..model import Model
from ..progress import Cancelled, Job
from ..quiet import quiet_libraries
from ..volume import Volume
from . import records, refusals, table, unfinished
from .case import CohortCase
from .outputs import Outputs
from .read_ahead import read_ahead
from .records import Record, State
from .settings import Settings

_MEMORY = "There is not enough memory to segment it: close other programs, or give more."


@dataclass(frozen=True)
class Work:
    """What segments cases and keeps their records.

    Args:
        output: the labels' folder.
        model: loaded once for all of them.
        settings: how, and what is written.
        device: where.
    """

    output: Path
    model: Model
    settings: Settings
    device: str

    @cached_property
    def how(self) -> dict[str, Any]:
        """What the labels follow from."""
        return self.settings.how(self.model.description)

    def prepare(self, cases: Collection[CohortCase], share: Collection[CohortCase], rank: int) -> None:
        """Refuse what must not be written to, and clear away what a killed process left of this share.

        Raises:
            UserError: as :mod:`.refusals` says, or a folder cannot be written to.
        """
        outputs = [self._outputs(case) for case in cases]
        refusals.refuse_inputs([case.path for case in cases], outputs)
        if not self.settings.overwrite:
            refusals.refuse_mixed(self.output, self.how)
            refusals.refuse_foreign(self.output, outputs)
            refusals.refuse_other_cts(self.output, cases)
        for folder in (self.output, self.output / records.FOLDER, *self.settings.folders):
            with unfinished.whole_files(folder, f"{table.NAME}-{rank}"):
                pass  # it can be written to
        for case in share:
            self._outputs(case).remove_unfinished()
            unfinished.remove(self.output / records.FOLDER, case.name)
            if self.settings.overwrite:
                self._write(case, State.UNFINISHED)

    def is_done(self, case: CohortCase) -> bool:
        """Whether its files are there and of this run's kind."""
        record = records.read(self.output, case.name)
        if record is None or record.state is not State.DONE:
            return False
        return record.how == self.how and record.ct == case.fingerprint and self._outputs(case).are_whole

    def segment_all(self, cases: Sequence[CohortCase], task: Job) -> list[Record]:
        """Segment cases, and record those that cannot be.

        Raises:
            Cancelled: the user asked to stop; what is done stays.
        """
        done: list[Record] = []
        with closing(read_ahead(cases, self._read, task.cancel)) as readings:
            for number, (case, take) in enumerate(readings):
                part = task.part(number / len(cases), (number + 1) / len(cases))
                part.at(0, f"Case {number + 1} of {len(cases)}, {case.name}: reading")
                done.append(self._try(case, take, part))
        return done

    def _try(self, case: CohortCase, take: Callable[[], Volume], task: Job) -> Record:
        try:
            return self._segment(case, take(), task)
        except Exception as error:  # one odd CT must not cost the others a night
            if isinstance(error, Cancelled):
                raise
            sentence = _why(error)
        self._write(case, State.UNFINISHED)
        self._outputs(case).remove()
        return self._write(case, State.FAILED, failure=self._without_places(sentence, case))

    def _segment(self, case: CohortCase, volume: Volume, task: Job) -> Record:
        outputs = self._outputs(case)
        outputs.check_grid(volume)
        options = replace(self.settings.options, probabilities=bool(self.settings.probabilities))

        def tell(fraction: float, sentence: str) -> None:
            task.at(fraction, f"{case.name}: {sentence}")

        result = segment(volume, self.model, self.device, tell, task.cancel, options=options)
        measured = lesions.measure(result.labels, volume, result.model.labels)
        task.cancel.check()  # from here on a stop waits until everything is written
        self._write(case, State.UNFINISHED)
        outputs.write(result, measured)
        return self._write(case, State.DONE, **_facts(result, measured))

    def _read(self, case: CohortCase) -> Volume:
        _ = case.fingerprint  # taken before the CT is read, so that one replaced meanwhile is told from it
        with quiet_libraries():
            return files.read_volume(
                case.path, series=case.series, force=self.settings.force, damaged=self.settings.damaged
            )

    def _write(self, case: CohortCase, state: State, **facts: Any) -> Record:
        record = Record(case=case.name, state=state, how=self.how, ct=case.fingerprint, **facts)
        records.write(self.output, record)
        return record

    def _outputs(self, case: CohortCase) -> Outputs:
        return Outputs.of(case.name, self.output, self.settings, self.model.description)

    def _without_places(self, sentence: str, case: CohortCase) -> str:
        """Records and tables are passed on."""
        return places.of_sentence(sentence, (case.path.parent, self.output, *self.settings.folders))


def _why(error: Exception) -> str:
    if isinstance(error, (UserError, OSError)):
        return str(error)
    if isinstance(error, MemoryError):
        return _MEMORY
    kind = " ".join(f"{type(error).__name__}: {error}".split())
    return f"It could not be segmented ({kind}): see whether other programs open the CT, or leave it out."


def _facts(result: Segmentation, measured: LesionTable) -> dict[str, Any]:
    content = measured.to_dict()
    return {name: content[name] for name in ("liver_ml", "lesion_ml", "burden_percent", "lesion_count")} | {
        "device": result.device,
        "warnings": (*result.volume.warnings, *result.notes, *measured.warnings),
    }
