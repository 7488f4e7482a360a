"""The service's queue on disk: every series that ever came, its images' UIDs, and how far it is.

A series goes through RECEIVING, WAITING, SEGMENTING and SENDING to DONE, or ends as PASSED or FAILED. Each method is
one transaction that is on the disk when it returns, so that a kill at any moment leaves the state before or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ...core.errors import UserError
from .queue_database import QueueFile
from .queue_reader import QueuedSeries, QueueReader, SeriesState, time_text

FIRST_START, SEARCHED, ALERTED = "first start", "searched", "alerted"
"""Names of times that the service remembers: of its first start, of the last search for what it missed, and until when
alerts were sent of jobs that failed."""


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class SeriesQueue(QueueReader):
    """The queue, written and read from any thread; other processes may use the file, too.

    Args:
        path: of the file.
        create: make it where it is not there.
        now: the time, UTC.

    Raises:
        UserError: the file is missing, damaged, of a newer version or of another program, or cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True, now: Callable[[], datetime] = _utc_now) -> None:
        self.now = now
        self._file = QueueFile(path, create=create)
        super().__init__(self._file.rows)

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        self._file.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Have all that is done in the block, by any methods, done or not; other threads and processes wait."""
        return self._file.transaction()

    # Images come

    def create(self, series: str, study: str, sender: str) -> int:
        """Add a series without images that is being received; returns its job's number."""
        return self._create(series, study, sender, SeriesState.RECEIVING)

    def expect(self, series: str, study: str, sender: str, made: datetime) -> None:
        """Add a series, unless it is known, whose objects shall bear a time that is fixed elsewhere, aware, in UTC."""
        with self.transaction():
            if self.of(series) is None:
                self._create(series, study, sender, SeriesState.RECEIVING, made=made)

    def pass_by(self, series: str, study: str, sender: str, why: str) -> None:
        """Remember a series that no rule fits before any of its images was asked for."""
        with self.transaction():
            if self.of(series) is None:
                self._create(series, study, sender, SeriesState.PASSED, why=why)

    def next_file(self, number: int) -> int:
        """The number that the next image's file of a series gets."""
        return 1 + int(self._rows("SELECT coalesce(max(file), 0) FROM images WHERE number = ?", number)[0][0])

    def arrived(self, uid: str, number: int, file: int, quiet_seconds: float | None) -> None:
        """Add an image, or give one its file again; its series is then being received.

        Args:
            uid: of the image.
            number: of its series' job.
            file: its number.
            quiet_seconds: its series is whole when no other image comes for so long; None for when :meth:`whole` says.
        """
        whole_at = None if quiet_seconds is None else self.now() + timedelta(seconds=quiet_seconds)
        with self.transaction():
            self._rows("INSERT OR REPLACE INTO images (uid, number, file) VALUES (?, ?, ?)", uid, number, file)
            if self._is_in(number, SeriesState.RECEIVING):
                self._rows("UPDATE series SET whole_at = ? WHERE number = ?", time_text(whole_at), number)
            else:
                self._move(number, SeriesState.RECEIVING, whole_at=whole_at)

    def came_late(self, uid: str, number: int) -> None:
        """Remember an image that was not taken, as its series is segmented already."""
        self._rows("INSERT OR IGNORE INTO late_images (uid, number) VALUES (?, ?)", uid, number)

    def whole(self, series: str) -> None:
        """Note that all images of a series have come: it need not wait for quiet."""
        whole = "UPDATE series SET whole_at = ? WHERE series = ? AND state = ?"
        self._rows(whole, time_text(self.now()), series, SeriesState.RECEIVING.value)

    def quiet(self) -> list[QueuedSeries]:
        """The series that are being received, and whole."""
        quiet = "state = ? AND whole_at <= ? ORDER BY number"
        return self._series(quiet, SeriesState.RECEIVING.value, time_text(self.now()))

    # Series go their way

    def waits(self, number: int) -> None:
        """Let a series that is whole wait to be segmented."""
        with self.transaction():
            if self._is_in(number, SeriesState.RECEIVING):
                self._move(number, SeriesState.WAITING)

    def passed(self, number: int, why: str) -> None:
        """Pass by a series that is whole and fits no rule; its images' files may go."""
        with self.transaction():
            if self._is_in(number, SeriesState.RECEIVING):
                self._move(number, SeriesState.PASSED, why=why)
                self.forget_files(number)

    def begin(self) -> QueuedSeries | None:
        """Begin with the oldest series that waits and whose time has come, and return it; None for none."""
        due = "state = ? AND (next_try IS NULL OR next_try <= ?) ORDER BY number LIMIT 1"
        with self.transaction():
            found = self._series(due, SeriesState.WAITING.value, time_text(self.now()))
            if not found:
                return None
            self._move(found[0].number, SeriesState.SEGMENTING, tries=found[0].tries)
            return self.find(found[0].number)

    def is_wanted(self, number: int) -> bool:
        """Whether a series is still being segmented: an image that comes meanwhile makes its result useless."""
        return self._is_in(number, SeriesState.SEGMENTING)

    def made(self, number: int, objects: Sequence[str]) -> bool:
        """Note that a series' result is whole on the disk and shall be sent; False where it is not wanted any more.

        Args:
            number: of the job.
            objects: names of the files to be sent, in their order, in its folder of results.
        """
        with self.transaction():
            if not self.is_wanted(number):
                return False
            self.forget_objects(number)
            for place, name in enumerate(objects):
                self._rows("INSERT INTO objects (number, place, file) VALUES (?, ?, ?)", number, place, name)
            self._move(number, SeriesState.SENDING)
            return True

    def segment_again(self, number: int, why: str, after: timedelta) -> None:
        """Let a series wait that could not be segmented for a reason that may pass."""
        self._again(number, SeriesState.SEGMENTING, SeriesState.WAITING, why, after)

    def try_again(self, series: QueuedSeries, why: str, tries: int, after: timedelta) -> bool:
        """As :meth:`segment_again`, but a series that was tried so many times fails; whether it waits."""
        if series.tries + 1 >= tries:
            self.failed(series.number, why, SeriesState.SEGMENTING)
            return False
        self.segment_again(series.number, why, after)
        return True

    def put_back(self, number: int) -> None:
        """Let a series wait again whose segmenting was given up through no fault of its own: no try is counted."""
        with self.transaction():
            for series in self._series("number = ? AND state = ?", number, SeriesState.SEGMENTING.value):
                self._move(number, SeriesState.WAITING, tries=series.tries)

    def next_to_send(self) -> QueuedSeries | None:
        """The series to be sent next: that which was tried least, so that none holds the others up."""
        due = "state = ? AND (next_try IS NULL OR next_try <= ?) ORDER BY tries, number LIMIT 1"
        return next(iter(self._series(due, SeriesState.SENDING.value, time_text(self.now()))), None)

    def send_again(self, number: int, why: str, after: timedelta) -> None:
        """Let a series wait that the archive could not be reached for, and the others as long."""
        later = "UPDATE series SET next_try = ? WHERE state = ? AND (next_try IS NULL OR next_try < ?)"
        until = time_text(self.now() + after)
        with self.transaction():
            self._again(number, SeriesState.SENDING, SeriesState.SENDING, why, after)
            self._rows(later, until, SeriesState.SENDING.value, until)

    def sent(self, number: int) -> None:
        """Note that the archive has all of a series' objects; its images' files may go."""
        with self.transaction():
            if self._is_in(number, SeriesState.SENDING):
                self._move(number, SeriesState.DONE)
                self.forget_files(number)

    def failed(self, number: int, why: str, before: SeriesState | None = None) -> None:
        """Note that a series cannot be done; it stays so until an image or the user asks for it anew.

        Args:
            number: of the job.
            why: a sentence without identifiers.
            before: the state that it has to be in, else nothing is done; None for any.
        """
        with self.transaction():
            if before is None or self._is_in(number, before):
                self._move(number, SeriesState.FAILED, why=why)

    def retry(self, number: int) -> QueuedSeries:
        """Put a series that failed back to where it failed; returns it as it is then.

        Raises:
            UserError: there is no such series, it has not failed, or its files are gone.
        """
        with self.transaction():
            found, files, objects = self.find(number), self.files(number), self.objects(number)
            if found is None or found.state is not SeriesState.FAILED:
                is_not = f"There is no job {number}" if found is None else f"Job {number} has not failed"
                msg = f"{is_not}: livertumorseg pacs status lists the jobs."
                raise UserError(msg)
            if not objects and (not files or None in files):
                msg = f"The images of job {number} are gone: send the series to the service again."
                raise UserError(msg)
            self._move(number, SeriesState.SENDING if objects else SeriesState.WAITING)
            return self.find(number) or found

    # Files go, and the service begins again

    def forget_files(self, number: int) -> None:
        """Forget the files of a series' images, which are deleted or about to be; their UIDs stay known."""
        self._rows("UPDATE images SET file = NULL WHERE number = ?", number)

    def lost(self, number: int, file: int) -> None:
        """Note that the file of one image is gone, none knows why; a series that needs it has to be judged again."""
        with self.transaction():
            self._rows("UPDATE images SET file = NULL WHERE number = ? AND file = ?", number, file)
            if self._is_in(number, SeriesState.WAITING):
                self._move(number, SeriesState.RECEIVING, whole_at=self.now())

    def forget_objects(self, number: int) -> None:
        """Forget the results of a series, which are deleted or about to be."""
        self._rows("DELETE FROM objects WHERE number = ?", number)

    def lost_objects(self, number: int) -> None:
        """Note that the results of a series are gone, none knows why; one that is being sent is segmented again."""
        with self.transaction():
            self.forget_objects(number)
            if self._is_in(number, SeriesState.SENDING):
                self._move(number, SeriesState.WAITING)

    def name(self, number: int, accession: str, patient: str) -> None:
        """Keep a job's accession number and the patient's ID, by which people find it."""
        keep = "INSERT OR REPLACE INTO names (number, accession, patient) VALUES (?, ?, ?)"
        self._rows(keep, number, accession, patient)

    def forget_names(self, number: int | None = None) -> None:
        """Forget what people find a job by; of all jobs, also in the file's free pages and its journal."""
        if number is None:
            self._rows("DELETE FROM names")
            self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            self._rows("DELETE FROM names WHERE number = ?", number)

    def started(self) -> None:
        """Remember this start of the service, if it is the first one."""
        first = "INSERT OR IGNORE INTO marks (name, time) VALUES (?, ?)"
        self._rows(first, FIRST_START, time_text(self.now()))

    def searched(self, until: datetime) -> None:
        """Remember that all which an archive had at a time, UTC, is known here."""
        self._mark(SEARCHED, until)

    def alerted(self, until: datetime) -> None:
        """Remember that alerts were sent of all jobs that failed until a time, UTC."""
        self._mark(ALERTED, until)

    def _mark(self, name: str, time: datetime) -> None:
        self._rows("INSERT OR REPLACE INTO marks (name, time) VALUES (?, ?)", name, time_text(time))

    def wait_anew(self, quiet_seconds: float) -> None:
        """Give what was being received, and is whole when it is quiet, all its time again, as images can come again."""
        receiving = "UPDATE series SET whole_at = ? WHERE state = ? AND whole_at IS NOT NULL"
        self._rows(receiving, time_text(self.now() + timedelta(seconds=quiet_seconds)), SeriesState.RECEIVING.value)

    def _create(
        self, series: str, study: str, sender: str, state: SeriesState, *, why: str = "", made: datetime | None = None
    ) -> int:
        insert = "INSERT INTO series (series, study, sender, state, made, since, why) VALUES (?, ?, ?, ?, ?, ?, ?)"
        now = self.now()
        with self.transaction():
            fixed = time_text((made or now).replace(microsecond=0))
            self._rows(insert, series, study, sender, state.value, fixed, time_text(now), why)
            return int(self._rows("SELECT last_insert_rowid()")[0][0])

    def _move(
        self, number: int, state: SeriesState, *, why: str = "", tries: int = 0, whole_at: datetime | None = None
    ) -> None:
        move = (
            "UPDATE series SET state = ?, since = ?, why = ?, tries = ?, whole_at = ?, next_try = NULL WHERE number = ?"
        )
        self._rows(move, state.value, time_text(self.now()), why, tries, time_text(whole_at), number)

    def _again(self, number: int, before: SeriesState, then: SeriesState, why: str, after: timedelta) -> None:
        """Count one more failed try; a series that stays in its state is in it since when it was."""
        again = "UPDATE series SET state = ?, why = ?, tries = tries + 1, next_try = ? WHERE number = ? AND state = ?"
        self._rows(again, then.value, why, time_text(self.now() + after), number, before.value)

    def _is_in(self, number: int, state: SeriesState) -> bool:
        return bool(self._rows("SELECT 1 FROM series WHERE number = ? AND state = ?", number, state.value))
