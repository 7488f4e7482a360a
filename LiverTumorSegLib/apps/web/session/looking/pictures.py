"""Pictures of the slice views that carry what is drawn over them, so that both change together in the browser.

The page's state reaches a browser before a picture that is still being drawn and encoded. So labels, numbers and lines
travel within the picture they belong to, in a comment of its JPEG file, and the page shows them with it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from trame_rca.utils import RcaViewAdapter

_LOG = logging.getLogger(__name__)

Shown = dict[str, Any]
_Encoded = tuple[bytes, dict[str, Any], int]

_COMMENT, _START = b"\xff\xfe", 2
_LONGEST = 0xFFFF - 2


def with_comment(jpeg: bytes, text: bytes) -> bytes:
    """A JPEG file with a comment at its start, in as many segments as it takes (ITU-T T.81, section B.2.4.5)."""
    parts = [text[at : at + _LONGEST] for at in range(0, len(text), _LONGEST)]
    segments = (_COMMENT + (len(part) + 2).to_bytes(2, "big") + part for part in parts)
    return b"".join([jpeg[:_START], *segments, jpeg[_START:]])


class PictureEncoder:
    """Encodes pictures as another encoder does, each with what the view shows in it.

    Args:
        encoder: of trame-rca.
        shown: says what the view shows now.
    """

    def __init__(self, encoder: Any, shown: Callable[[], Shown]) -> None:
        self._encoder, self._shown = encoder, shown

    @property
    def encode(self) -> Callable[[NDArray, int, int, int], _Encoded]:
        """For the picture that was drawn just now.

        It is asked for by who draws, right after drawing; encoding itself comes later, in another thread.
        """
        comment = self._comment()

        def encode(image: NDArray, columns: int, rows: int, quality: int) -> _Encoded:
            content, facts, at = self._encoder.encode(image, columns, rows, quality)
            return with_comment(content, comment) if content else content, facts, at

        return encode

    def _comment(self) -> bytes:
        try:
            return json.dumps(self._shown(), separators=(",", ":"), allow_nan=False).encode()
        except Exception:  # noqa: BLE001 whatever it is, the view is drawn on, and old words go
            _LOG.exception("A picture is shown without what belongs over it")
            return b"{}"


def carry(adapter: RcaViewAdapter, shown: Callable[[], Shown]) -> None:
    """Let all pictures of a view carry what it shows."""
    scheduler = adapter._scheduler  # noqa: SLF001, the factory makes it, and takes no encoder but those it names
    scheduler._rca_encoder = PictureEncoder(scheduler._rca_encoder, shown)  # noqa: SLF001
