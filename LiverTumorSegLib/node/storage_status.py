"""What an archive's status for an object means: C-STORE and STOW-RS have the same (PS3.4 B.2.3, PS3.18 I.2.2)."""

from __future__ import annotations

import logging

from pynetdicom.status import code_to_category

from .reaching import Rejected, Unreachable

_DUPLICATE = 0x0111
_MAY_PASS = frozenset({0x0110, 0x0124})
"""Processing failure; not authorised, which somebody may put right."""

_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_log = logging.getLogger(__name__)


def judge(status: int, kind: str) -> None:
    """Return where the archive has an object.

    Args:
        status: of it.
        kind: of object, as ``SEG``.

    Raises:
        Unreachable: it may be stored later.
        Rejected: it is not stored, and will not be.
    """
    category = code_to_category(status)
    if category == "Success" or status == _DUPLICATE:
        return
    if category == "Warning":
        _log.warning("The archive stored a %s, with a warning (status %04X).", kind, status)
        return
    msg = f"it does not store a {kind} (status {status:04X})"
    raise Unreachable(msg) if status in _OUT_OF_RESOURCES or status in _MAY_PASS else Rejected(msg)
