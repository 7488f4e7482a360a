"""What sessions ask of the archives that whoever started the server has listed; nothing else is reached.

Addresses and passwords stay in this process. From a session come messages ``{"archive": 3, "do": "search", "with":
{...}}`` and ``{"archive": 3, "cancel": true}``; it gets ``{"archive": 3, "says": "..."}`` and in the end one of
``{"archive": 3, "result": {...}}``, ``{"archive": 3, "error": "One sentence."}``.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ....core.errors import UserError
from ....core.safe_zip import MOST_BYTES
from ...worker.protocol import Message
from .session_process import OBJECTS, UPLOADS

if TYPE_CHECKING:
    from pydicom import Dataset

    from ...pacs.archive_list import ListedArchive
    from ...pacs.archive_reader import ArchiveReader

_log = logging.getLogger(__name__)
_LONGEST_OBJECT, _MOST_OBJECTS = 1 << 30, 5000
_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SENT = {"segmentation.dcm": "SEG", "measurements.dcm": "SR"}
_END_SECONDS, _SAY_SECONDS = 5.0, 0.25

Send = Callable[[Message], None]
Answer = dict[str, Any]


class _Stopped(Exception):
    """The session has ended, or does not want the answer any more."""


class _Question:
    """A question of a session, answered on a thread of its own.

    Args:
        number: of the session's messages.
        folder: of the session.
        tell: sends a message to it, from any thread.
    """

    def __init__(self, number: int, folder: Path, tell: Send) -> None:
        self.number, self.folder = number, folder
        self.stopped, self.ended = threading.Event(), threading.Event()
        self._tell, self._said = tell, 0.0

    def say(self, words: str) -> None:
        """Tell how far it is, now and then, and go on unless nobody wants it any more."""
        self.check()
        if monotonic() - self._said > _SAY_SECONDS:
            self._said = monotonic()
            self._tell({"archive": self.number, "says": words})

    def check(self) -> None:
        if self.stopped.is_set():
            raise _Stopped

    def answer(self, **content: Any) -> None:
        if content and not self.stopped.is_set():
            self._tell({"archive": self.number, **content})


class SessionArchives:
    """Answers one question of a session at a time.

    Args:
        archives: that sessions may use.
        most_bytes: that is fetched for one of them at once.
    """

    def __init__(self, archives: Sequence[ListedArchive] = (), most_bytes: int = MOST_BYTES) -> None:
        self._archives, self._most_bytes = tuple(archives), most_bytes
        self._running: dict[str, _Question] = {}
        self._commands: dict[str, Callable[[ListedArchive, _Question, Mapping[str, Any]], Answer]] = {
            "search": self._search,
            "series": self._series,
            "fetch": self._fetch,
            "send": self._send,
        }

    def take(self, session: str, folder: Path, message: Message, send: Send) -> None:
        """Take in what a session says.

        Args:
            session: whose message it is.
            folder: of the session.
            message: a question or a cancel; others are passed over.
            send: sends messages to the session; it must not raise.
        """
        number = message.get("archive")
        if not isinstance(number, int):
            return
        running = self._running.get(session)
        if message.get("cancel") is True:
            if running and running.number == number:
                running.stopped.set()
        elif message.get("do") == "list":
            send({"archive": number, "result": {"archives": [_card(archive) for archive in self._archives]}})
        elif running and not running.ended.is_set():
            send(
                {
                    "archive": number,
                    "error": "The archive is still answering the last question: wait for it, or stop it.",
                }
            )
        else:
            loop = asyncio.get_running_loop()
            question = _Question(number, folder, lambda said: _call(loop, send, said))
            self._running[session] = question
            threading.Thread(target=self._answer, args=[question, message], daemon=True).start()

    async def drop(self, session: str) -> None:
        """Let the question of a session that has ended write nothing more."""
        question = self._running.pop(session, None)
        if question:
            question.stopped.set()
            await asyncio.to_thread(question.ended.wait, _END_SECONDS)

    def _answer(self, question: _Question, message: Message) -> None:
        content: Answer = {}
        try:
            content = {"result": self._result(question, message)}
        except _Stopped:
            pass
        except UserError as error:
            content = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 whatever an archive says, the page goes on
            from ...pacs.log import error_place

            _log.warning("a question to an archive failed unexpectedly (%s)", error_place(error))
            content = {"error": "The archive's answer cannot be used: try again, and report it if it happens twice."}
        question.ended.set()  # first, as the answer may bring the next question
        question.answer(**content)

    def _result(self, question: _Question, message: Message) -> Answer:
        chosen, command = message.get("with"), self._commands.get(str(message.get("do")))
        place = chosen.get("at") if isinstance(chosen, dict) else None
        if not (command and isinstance(chosen, dict) and type(place) is int and 0 <= place < len(self._archives)):
            msg = "There is no such archive: load the page again."
            raise UserError(msg)
        archive = self._archives[place]
        from ...pacs.connection import Rejected, Unreachable

        try:
            return command(archive, question, chosen)
        except Unreachable as error:
            msg = f"The archive “{archive.name}” cannot be used now: {str(error).rstrip('.')}."
            raise UserError(msg) from error
        except Rejected as error:
            msg = f"The archive “{archive.name}” refuses: {str(error).rstrip('.')}."
            raise UserError(msg) from error

    def _reader(self, archive: ListedArchive) -> ArchiveReader:
        from ...pacs.archive_list import make_reader

        if archive.search is None:
            msg = f"“{archive.name}” only takes results and cannot be searched: choose another."
            raise UserError(msg)
        try:
            return make_reader(archive.search, _LONGEST_OBJECT)
        except UserError as error:
            raise _wrongly_set_up(archive) from error

    def _search(self, archive: ListedArchive, _: _Question, chosen: Mapping[str, Any]) -> Answer:
        from ...pacs.archive_reader import MOST_STUDIES, StudyQuery

        found = self._reader(archive).studies(StudyQuery.read(chosen))
        return {"studies": [study.to_dict() for study in found[:MOST_STUDIES]], "more": len(found) > MOST_STUDIES}

    def _series(self, archive: ListedArchive, _: _Question, chosen: Mapping[str, Any]) -> Answer:
        from ...pacs.archive_reader import checked_uid

        return {"series": [each.to_dict() for each in self._reader(archive).series(checked_uid(chosen.get("study")))]}

    def _fetch(self, archive: ListedArchive, question: _Question, chosen: Mapping[str, Any]) -> Answer:
        """Fetch a series into a folder of the session's uploads."""
        from ...pacs.archive_reader import KINDS, FoundSeries, checked_uid

        study, modality = checked_uid(chosen.get("study")), str(chosen.get("modality"))
        if modality not in KINDS:
            msg = "Only CTs and results of this program are fetched: choose another."
            raise UserError(msg)
        series = FoundSeries(checked_uid(chosen.get("series")), modality, "", "", "")
        place = question.folder / UPLOADS / _folder_name(chosen.get("into"))
        fetched = _Fetched(question, place, self._most_bytes)
        try:
            self._reader(archive).fetch(study, series, fetched.take, question.stopped)
        except OSError as error:
            msg = (
                f"What “{archive.name}” sends cannot be kept ({error.strerror}): free some space on the server's disk."
            )
            raise UserError(msg) from error
        if not fetched.count:
            msg = f"“{archive.name}” no longer has this series: search again."
            raise UserError(msg)
        return {"objects": fetched.count}

    def _send(self, archive: ListedArchive, question: _Question, chosen: Mapping[str, Any]) -> Answer:
        """Send the objects in a folder of the session's."""
        from ...pacs.sender import make_archive

        if archive.send is None:
            msg = f"Nothing can be sent to “{archive.name}”: choose another archive."
            raise UserError(msg)
        objects = _results_in(question.folder / OBJECTS / _folder_name(chosen.get("folder")))
        try:
            goal = make_archive(archive.send)
        except UserError as error:
            raise _wrongly_set_up(archive) from error
        question.say("Sending…")
        goal.store(objects)
        return {"sent": len(objects)}


class _Fetched:
    """Objects that arrive in a folder, under names that are numbers."""

    def __init__(self, question: _Question, place: Path, most_bytes: int) -> None:
        self._question, self._place, self._left = question, place, most_bytes
        self.count = 0

    def take(self, content: bytes, of: int) -> None:
        """Keep an object.

        Raises:
            UserError: there are too many, or they are too large together.
        """
        self._left -= len(content)
        if self._left < 0 or of > _MOST_OBJECTS:
            msg = "The series is larger than a session may hold: choose another."
            raise UserError(msg)
        self._question.say(f"Fetching {self.count + 1} of {of}")
        self._place.mkdir(parents=True, exist_ok=True)
        self.count += 1
        (self._place / f"{self.count:05}.dcm").write_bytes(content)


def _card(archive: ListedArchive) -> Answer:
    """What a session is told of an archive."""
    return {"name": archive.name, "search": archive.search is not None, "send": archive.send is not None}


def _folder_name(name: object) -> str:
    if not isinstance(name, str) or not _FOLDER.fullmatch(name):
        msg = "That folder is not one of a session: load the page again."
        raise UserError(msg)
    return name


def _results_in(folder: Path) -> list[Dataset]:
    """The objects in a folder; what is no result is refused, so that a session can store nothing else in an archive."""
    from ....io.dicom_header import explain_damage, read_dicom_file
    from ...pacs.archive_reader import KINDS

    found = []
    for name, modality in _SENT.items():
        file = folder / name
        if file.is_symlink() or not file.is_file():
            raise UserError(_NO_RESULT)
        with explain_damage(file):
            found.append(read_dicom_file(file))
        if found[-1].get("SOPClassUID") not in KINDS[modality]:
            raise UserError(_NO_RESULT)
    return found


_NO_RESULT = "The result's DICOM objects are gone: send it again."


def _wrongly_set_up(archive: ListedArchive) -> UserError:
    """Without the words of the error, which name files of the server."""
    return UserError(f"“{archive.name}” is not set up correctly: tell whoever started the program.")


def _call(loop: asyncio.AbstractEventLoop, send: Send, message: Message) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(send, message)
