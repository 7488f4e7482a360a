"""The node's queue on disk: every series that ever came, its images' UIDs, and how far it is.

A series goes through RECEIVING, WAITING, SEGMENTING and SENDING to DONE, or ends as PASSED or FAILED. Each method is
one transaction that is on the disk when it returns, so that a kill at any moment leaves the state before or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ..errors import UserError
from .queue_file import QueueFile
from .queued import UNDONE, QueuedImage, QueuedSeries, State

__all__ = ["UNDONE", "QueuedImage", "QueuedSeries", "SeriesQueue", "State"]

_SERIES = """
SELECT number, series, study, sender, state,
    (SELECT count(*) FROM images WHERE images.number = series.number), made, since, tries, next_try, why,
    (SELECT count(*) FROM late_images WHERE late_images.number = series.number)
FROM series WHERE """


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class SeriesQueue:
    """The queue; its methods may be called from any thread, and other processes may use the file, too.

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
        self._rows = self._file.rows

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        self._file.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All that is done in the block, by any methods, is done or is not; other threads and processes wait."""
        return self._file.transaction()

    # What is there

    def all(self, limit: int = 1000, *, before: int | None = None, state: State | None = None) -> list[QueuedSeries]:
        """The newest series, the last first.

        Args:
            limit: most of them.
            before: those with a lower number alone; None for all.
            state: those in this state alone; None for all.
        """
        wanted = "(? IS NULL OR number < ?) AND (? IS NULL OR state = ?) ORDER BY number DESC LIMIT ?"
        name = state.value if state else None
        return self._series(wanted, before, before, name, name, limit)

    def in_state(self, *states: State) -> list[QueuedSeries]:
        """All series in one of some states, the oldest first."""
        places = ", ".join("?" * len(states))
        return self._series(f"state IN ({places}) ORDER BY number", *(state.value for state in states))

    def counts(self) -> dict[State, int]:
        """How many series there are in each state, all states in their order."""
        found = dict(self._rows("SELECT state, count(*) FROM series GROUP BY state"))
        return {state: found.get(state.value, 0) for state in State}

    def find(self, number: int) -> QueuedSeries | None:
        """A series by its job's number."""
        return next(iter(self._series("number = ?", number)), None)

    def of(self, series: str) -> QueuedSeries | None:
        """A series by its UID."""
        return next(iter(self._series("series = ?", series)), None)

    def image(self, uid: str) -> QueuedImage | None:
        """An image by its SOP instance UID."""
        found = self._rows("SELECT number, file FROM images WHERE uid = ?", uid)
        return QueuedImage(*found[0]) if found else None

    def files(self, number: int) -> list[int | None]:
        """The number of each image's file of a series, None for each that was deleted."""
        return [file for (file,) in self._rows("SELECT file FROM images WHERE number = ? ORDER BY file", number)]

    def objects(self, number: int) -> list[str]:
        """The names of the files in a series' folder of results that are to be sent, in their order."""
        return [file for (file,) in self._rows("SELECT file FROM objects WHERE number = ? ORDER BY place", number)]

    # Images come

    def create(self, series: str, study: str, sender: str) -> int:
        """Add a series without images that is being received; returns its job's number."""
        return self._create(series, study, sender, State.RECEIVING)

    def expect(self, series: str, study: str, sender: str, made: datetime) -> None:
        """Add a series, unless it is known, whose objects shall bear a time that is fixed elsewhere, aware, in UTC."""
        with self.transaction():
            if self.of(series) is None:
                self._create(series, study, sender, State.RECEIVING, made=made)

    def pass_by(self, series: str, study: str, sender: str, why: str) -> None:
        """Remember a series that no rule fits before any of its images was asked for."""
        with self.transaction():
            if self.of(series) is None:
                self._create(series, study, sender, State.PASSED, why=why)

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
            if self._is_in(number, State.RECEIVING):
                self._rows("UPDATE series SET whole_at = ? WHERE number = ?", _text(whole_at), number)
            else:
                self._move(number, State.RECEIVING, whole_at=whole_at)

    def came_late(self, uid: str, number: int) -> None:
        """Remember an image that was not taken, as its series is segmented already."""
        self._rows("INSERT OR IGNORE INTO late_images (uid, number) VALUES (?, ?)", uid, number)

    def whole(self, series: str) -> None:
        """All images of a series have come: it need not wait for quiet."""
        whole = "UPDATE series SET whole_at = ? WHERE series = ? AND state = ?"
        self._rows(whole, _text(self.now()), series, State.RECEIVING.value)

    def quiet(self) -> list[QueuedSeries]:
        """The series that are being received, and whole."""
        quiet = "state = ? AND whole_at <= ? ORDER BY number"
        return self._series(quiet, State.RECEIVING.value, _text(self.now()))

    # Series go their way

    def waits(self, number: int) -> None:
        """A series is whole and shall be segmented."""
        with self.transaction():
            if self._is_in(number, State.RECEIVING):
                self._move(number, State.WAITING)

    def passed(self, number: int, why: str) -> None:
        """A series is whole and fits no rule; its images' files may go."""
        with self.transaction():
            if self._is_in(number, State.RECEIVING):
                self._move(number, State.PASSED, why=why)
                self.forget_files(number)

    def begin(self) -> QueuedSeries | None:
        """The oldest series that waits and whose time has come, from now on being segmented; None for none."""
        due = "state = ? AND (next_try IS NULL OR next_try <= ?) ORDER BY number LIMIT 1"
        with self.transaction():
            found = self._series(due, State.WAITING.value, _text(self.now()))
            if not found:
                return None
            self._move(found[0].number, State.SEGMENTING, tries=found[0].tries)
            return self.find(found[0].number)

    def is_wanted(self, number: int) -> bool:
        """Whether a series is still being segmented: an image that comes meanwhile makes its result useless."""
        return self._is_in(number, State.SEGMENTING)

    def made(self, number: int, objects: Sequence[str]) -> bool:
        """A series' result is whole on the disk and shall be sent; False where it is not wanted any more.

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
            self._move(number, State.SENDING)
            return True

    def segment_again(self, number: int, why: str, after: timedelta) -> None:
        """Segmenting failed for a reason that may pass."""
        self._again(number, State.SEGMENTING, State.WAITING, why, after)

    def next_to_send(self) -> QueuedSeries | None:
        """The series to be sent next: that which was tried least, so that none holds the others up."""
        due = "state = ? AND (next_try IS NULL OR next_try <= ?) ORDER BY tries, number LIMIT 1"
        return next(iter(self._series(due, State.SENDING.value, _text(self.now()))), None)

    def send_again(self, number: int, why: str, after: timedelta) -> None:
        """The archive could not be reached for a series: nor could it for the others, which wait as long."""
        later = "UPDATE series SET next_try = ? WHERE state = ? AND (next_try IS NULL OR next_try < ?)"
        until = _text(self.now() + after)
        with self.transaction():
            self._again(number, State.SENDING, State.SENDING, why, after)
            self._rows(later, until, State.SENDING.value, until)

    def sent(self, number: int) -> None:
        """The archive has all of a series' objects; its images' files may go."""
        with self.transaction():
            if self._is_in(number, State.SENDING):
                self._move(number, State.DONE)
                self.forget_files(number)

    def failed(self, number: int, why: str, before: State | None = None) -> None:
        """A series cannot be done; it stays so until an image or the user asks for it anew.

        Args:
            number: of the job.
            why: a sentence without identifiers.
            before: the state that it has to be in, else nothing is done; None for any.
        """
        with self.transaction():
            if before is None or self._is_in(number, before):
                self._move(number, State.FAILED, why=why)

    def retry(self, number: int) -> QueuedSeries:
        """Put a series that failed back to where it failed; returns it as it is then.

        Raises:
            UserError: there is no such series, it has not failed, or its files are gone.
        """
        with self.transaction():
            found, files, objects = self.find(number), self.files(number), self.objects(number)
            if found is None or found.state is not State.FAILED:
                is_not = f"There is no job {number}" if found is None else f"Job {number} has not failed"
                msg = f"{is_not}: livertumorseg node status lists the jobs."
                raise UserError(msg)
            if not objects and (not files or None in files):
                msg = f"The images of job {number} are gone: send the series to the node again."
                raise UserError(msg)
            self._move(number, State.SENDING if objects else State.WAITING)
            return self.find(number) or found

    # Files go, and the node begins again

    def forget_files(self, number: int) -> None:
        """The files of a series' images are deleted, or about to be; their UIDs stay known."""
        self._rows("UPDATE images SET file = NULL WHERE number = ?", number)

    def lost(self, number: int, file: int) -> None:
        """The file of one image is gone, none knows why; a series that needs it has to be judged again."""
        with self.transaction():
            self._rows("UPDATE images SET file = NULL WHERE number = ? AND file = ?", number, file)
            if self._is_in(number, State.WAITING):
                self._move(number, State.RECEIVING, whole_at=self.now())

    def forget_objects(self, number: int) -> None:
        """The results of a series are deleted, or about to be."""
        self._rows("DELETE FROM objects WHERE number = ?", number)

    def lost_objects(self, number: int) -> None:
        """The results of a series are gone, none knows why; one that is being sent has to be segmented again."""
        with self.transaction():
            self.forget_objects(number)
            if self._is_in(number, State.SENDING):
                self._move(number, State.WAITING)

    def restarted(self) -> None:
        """What was being segmented waits again."""
        with self.transaction():
            for series in self.in_state(State.SEGMENTING):
                self._move(series.number, State.WAITING, tries=series.tries)

    def wait_anew(self, quiet_seconds: float) -> None:
        """Images can come again: what was being received, and is whole when it is quiet, has all its time for that."""
        receiving = "UPDATE series SET whole_at = ? WHERE state = ? AND whole_at IS NOT NULL"
        self._rows(receiving, _text(self.now() + timedelta(seconds=quiet_seconds)), State.RECEIVING.value)

    def _create(
        self, series: str, study: str, sender: str, state: State, *, why: str = "", made: datetime | None = None
    ) -> int:
        insert = "INSERT INTO series (series, study, sender, state, made, since, why) VALUES (?, ?, ?, ?, ?, ?, ?)"
        now = self.now()
        with self.transaction():
            fixed = _text((made or now).replace(microsecond=0))
            self._rows(insert, series, study, sender, state.value, fixed, _text(now), why)
            return int(self._rows("SELECT last_insert_rowid()")[0][0])

    def _move(
        self, number: int, state: State, *, why: str = "", tries: int = 0, whole_at: datetime | None = None
    ) -> None:
        move = (
            "UPDATE series SET state = ?, since = ?, why = ?, tries = ?, whole_at = ?, next_try = NULL WHERE number = ?"
        )
        self._rows(move, state.value, _text(self.now()), why, tries, _text(whole_at), number)

    def _again(self, number: int, before: State, then: State, why: str, after: timedelta) -> None:
        """One more failed try; a series that stays in its state is in it since when it was."""
        again = "UPDATE series SET state = ?, why = ?, tries = tries + 1, next_try = ? WHERE number = ? AND state = ?"
        self._rows(again, then.value, why, _text(self.now() + after), number, before.value)

    def _is_in(self, number: int, state: State) -> bool:
        return bool(self._rows("SELECT 1 FROM series WHERE number = ? AND state = ?", number, state.value))

    def _series(self, where: str, *values: object) -> list[QueuedSeries]:
        return [_queued(*row) for row in self._rows(_SERIES + where, *values)]


def _queued(
    number: int,
    series: str,
    study: str,
    sender: str,
    state: str,
    images: int,
    made: str,
    since: str,
    tries: int,
    next_try: str | None,
    why: str,
    late: int,
) -> QueuedSeries:
    times = datetime.fromisoformat(made), datetime.fromisoformat(since)
    then = None if next_try is None else datetime.fromisoformat(next_try)
    return QueuedSeries(number, series, study, sender, State(state), images, *times, tries, then, why, late)


def _text(time: datetime | None) -> str | None:
    """A time as the file has it: texts whose order is that of the times."""
    return None if time is None else time.isoformat(timespec="microseconds")
