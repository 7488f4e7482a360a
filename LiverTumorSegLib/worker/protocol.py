"""The messages between a worker and its client.

To the worker::

    {"id": 1, "do": "segment", "with": {...}}     ask for a command
    {"cancel": 1}                                 ask to stop it

From the worker::

    {"id": 1, "at": 0.4, "says": "Segmenting slice 3 of 90"}
    {"id": 1, "result": {...}}
    {"id": 1, "error": "One sentence.", "details": "..."}
    {"id": 1, "cancelled": true}

The number 0 is the worker's own start: its result says that it is ready.
"""

from __future__ import annotations

import json
from typing import Any

START = 0
Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """One line of ASCII, so that no locale can change it."""
    return json.dumps(message, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes) -> Message | None:
    """A message, or None for a line that is none: libraries print where they like."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
