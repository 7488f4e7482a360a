"""Every format, cut off at several places, or its compressed stream damaged."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from .case import BROKEN, Case, Refused, file
from .formats import nifti
from .grid import BODY
from .whole_formats import DETACHED, WHOLE, detached

DAMAGED = (*BROKEN, "states no number of dimensions", "not a file that can be read")
VOXELS = len(BODY.voxels.tobytes())


def cut(name: str, content: bytes) -> Iterator[Case]:
    end = len(content)
    last = content.rstrip().rfind(b" ") if "ascii" in name else end - 1
    body = VOXELS if end > VOXELS + 100 else end // 2
    places = {
        "of nothing": 0,
        "after a byte": 1,
        "in its header": min(60, end // 4),
        "behind its header": end - body,
        "in its voxels": end - body // 2,
        "before its last number": last,
    }
    for place, length in places.items():
        words = DAMAGED if length else "is empty"
        yield Case(f"{name} {place}", file(name, content[:length]), Refused(words))


def changed(content: bytes, at: int, byte: int) -> bytes:
    place = at % len(content)
    return content[:place] + bytes([content[place] ^ byte]) + content[place + 1 :]


ZIPPED = gzip.compress(nifti(), mtime=0)
STREAMS = {
    "gzip of nothing": gzip.compress(b""),
    "gzip with another checksum": changed(ZIPPED, -8, 1),
    "gzip with another length": changed(ZIPPED, -1, 1),
    "gzip with a bit turned over": changed(ZIPPED, len(ZIPPED) // 2, 16),
    "gzip without its trailer": ZIPPED[:-8],
    "gzip of gzip": gzip.compress(ZIPPED),
    "gzip's first bytes and noise": b"\x1f\x8b\x08" + bytes(range(200)),
    "zlib in place of gzip": zlib.compress(nifti()),
    "zeros": bytes(4000),
}
CASES = [
    *(case for name, content in WHOLE.items() for case in cut(name, content)),
    *(
        Case(f"{name} with few voxels", detached(name, text, bytes(20)), Refused(DAMAGED))
        for name, text in DETACHED.items()
    ),
    *(Case(f"{name} without voxels", detached(name, text, b""), Refused(DAMAGED)) for name, text in DETACHED.items()),
    *(Case(f"{name} alone", file(name, text), Refused("voxels.raw")) for name, text in DETACHED.items()),
    *(Case(name, file("ct.nii.gz", content), Refused(DAMAGED)) for name, content in STREAMS.items()),
]
