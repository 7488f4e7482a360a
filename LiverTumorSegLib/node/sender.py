"""Results go to where the configuration says, and are there once, however often they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pydicom

from .c_store import Peering
from .config import Send
from .reaching import Rejected, Unreachable
from .stow import Stowing

__all__ = ["Rejected", "Unreachable", "archive", "send"]


class Archive(Protocol):
    """What takes objects."""

    @property
    def name(self) -> str:
        """Of it, as a log may have it."""

    def store(self, objects: Sequence[pydicom.Dataset]) -> None:
        """Send those of some objects that are not there."""

    def check(self) -> str:
        """Ask whether it answers, and store nothing; returns a sentence."""


def archive(to: Send) -> Archive:
    """Where objects go; made at the start, it says what is wrong with the configuration.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """
    if to.dicom:
        return Peering(to.dicom)
    if to.web:
        return Stowing(to.web)
    raise ValueError(to)


def send(objects: Sequence[Path], to: Send) -> None:
    """Send objects; the archive is asked first which it has, and gets the others.

    Args:
        objects: files of PS3.10.
        to: the archive.

    Raises:
        Unreachable: not all are there, and the archive may take the others later, such as when it runs again, has
            room again, or when somebody has put an address, a password or a list of AE titles right.
        Rejected: the archive does not take one of them, and will not; it has the others.
        UserError: a certificate or the password is missing or wrong.
    """
    goal = archive(to)
    try:
        goal.store([pydicom.dcmread(file) for file in objects])
    except Unreachable as error:
        msg = f"The archive {goal.name} cannot be used now: {error}."
        raise Unreachable(msg) from error
    except Rejected as error:
        msg = f"The archive {goal.name} refuses: {error}."
        raise Rejected(msg) from error
