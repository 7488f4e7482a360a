"""The child's loop: one command after another, while a second thread listens for cancelling and for the end."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from threading import Lock, Thread
from time import monotonic
from typing import IO, Any

from ...core.device_loss import has_lost_device
from ...core.errors import UserError
from ...core.progress import Cancelled, CancelToken, Job
from .protocol import LOST, START, UNEXPECTED, Message, decode, encode, is_question

_PAUSE = 0.05
_LOST_SECONDS = 30.0
"""A process that has lost a GPU ends after this time without work, whose results its client has by then."""

Run = Callable[[str, dict[str, Any], Job], dict[str, Any]]


class Server:
    """Answers the messages on a pipe.

    Args:
        asked: where messages come from.
        answers: where messages go, unbuffered.
        idle_seconds: the loop ends after this time without work.
        base: folder that relative paths in commands start from.
        commands: makes the function that runs a command; by default it loads PyTorch and the library.
    """

    def __init__(
        self,
        asked: IO[bytes],
        answers: IO[bytes],
        *,
        idle_seconds: float,
        base: Path = Path(),
        commands: Callable[[], Run] | None = None,
    ) -> None:
        self._asked, self._answers, self._idle = asked, answers, idle_seconds
        self._commands = commands or partial(_load, base)
        self._waiting: Queue[Message | None] = Queue()
        self._current: tuple[int, CancelToken] | None = None
        self._dropped: set[int] = set()
        self._lock = Lock()

    def run(self) -> None:
        """Serve until the client closes the pipe or the idle time is over."""
        Thread(target=self._listen, daemon=True).start()
        run = self._start()
        while run is not None:
            try:
                message = self._waiting.get(timeout=self._patience)
            except Empty:
                return
            if message is None:
                return
            self._answer(message, run)
            _free_memory()  # by now nothing holds the frames of a job that failed, and their tensors

    @property
    def _patience(self) -> float:
        return min(self._idle, _LOST_SECONDS) if has_lost_device() else self._idle

    def _start(self) -> Run | None:
        self._send({"id": START, "at": 0.0, "says": "Loading PyTorch"})
        try:
            run = self._commands()
        except Exception as error:  # noqa: BLE001 whatever fails here, the user is told in a sentence
            self._fail(START, f"The segmentation process could not start ({_brief(error)}).")
            return None
        self._send({"id": START, "result": {}})
        return run

    def _listen(self) -> None:
        for line in self._asked:
            message = decode(line)
            if message is None or not is_question(message):
                continue
            if "cancel" in message:
                self._cancel(message["cancel"])
            else:
                self._waiting.put(message)
        self._waiting.put(None)
        with self._lock:
            if self._current:
                self._current[1].cancel()

    def _cancel(self, number: int) -> None:
        with self._lock:
            self._dropped.add(number)
            if self._current and self._current[0] == number:
                self._current[1].cancel()

    def _answer(self, message: Message, run: Run) -> None:
        number, token = message["id"], CancelToken()
        with self._lock:
            self._current = (number, token)
            if number in self._dropped:
                token.cancel()
        try:
            token.check()
            result = run(message["do"], message.get("with", {}), Job(self._progress(number), token))
            self._send({"id": number, "result": result} | _loss())
        except Cancelled:
            self._send({"id": number, "cancelled": True} | _loss())
        except UserError as error:
            self._fail(number, str(error))
        except Exception as error:  # noqa: BLE001 whatever fails here, the next command must work
            self._fail(number, f"{UNEXPECTED} ({_brief(error)}): please report it with the details.")
        finally:
            with self._lock:
                self._current = None
                self._dropped.discard(number)

    def _progress(self, number: int) -> Callable[[float, str], None]:
        last = -_PAUSE

        def tell(fraction: float, sentence: str) -> None:
            nonlocal last
            if monotonic() - last >= _PAUSE or fraction >= 1:
                last = monotonic()
                self._send({"id": number, "at": round(fraction, 4), "says": sentence})

        return tell

    def _fail(self, number: int, sentence: str) -> None:
        self._send({"id": number, "error": sentence, "details": traceback.format_exc()} | _loss())

    def _send(self, message: Message) -> None:
        self._answers.write(encode(message))


def _loss() -> Message:
    """Part of an answer: whether this process cannot use a GPU any more, which another one can."""
    return {LOST: True} if has_lost_device() else {}


def _load(base: Path) -> Run:
    from .commands import Commands

    return Commands(base).run


def _free_memory() -> None:
    """Give back what PyTorch keeps of the GPUs' memory; it is loaded with the commands."""
    from ...core.gpus import free_cached_memory

    free_cached_memory()


def _brief(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
