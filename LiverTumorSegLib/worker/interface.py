"""What a panel needs of a worker: its own child process, or one that a server shares between sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from .protocol import Message


class AnyWorker(Protocol):
    """As :class:`.client.Worker` has it."""

    @property
    def alive(self) -> bool:
        """False where the next question starts another."""

    @property
    def ready(self) -> bool:
        """Whether a question is answered without waiting for a start, or for others."""

    @property
    def scratch(self) -> Path:
        """Folder for files to exchange."""

    def ask(self, command: str, /, **arguments: Any) -> int:
        """Send a command; returns the number its messages will carry."""

    def cancel(self, number: int) -> None:
        """Ask to stop a command."""

    def poll(self) -> list[Message]:
        """What has arrived; it never waits."""

    def close(self) -> None:
        """Give up all that was asked."""

    def log(self) -> str:
        """The end of what was printed."""
