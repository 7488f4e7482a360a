"""Which files hold a mark, in whatever way they are packed or encoded."""

from __future__ import annotations

import base64
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_PICTURE = re.compile(rb"data:[a-z+/]+;base64,([A-Za-z0-9+/=]+)")
_PNG_TEXT = re.compile(rb"(?:zTXt|iTXt|iCCP)")


def found(root: Path, marks: Iterable[str]) -> list[str]:
    """Every place below a folder where a mark is, file names among them, and the mark."""
    wanted = [(mark, encoded) for mark in marks for encoded in _encoded(mark)]
    places = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        contents = [name.encode(errors="surrogateescape")]
        if path.is_file():
            contents += list(_unpacked(path.read_bytes()))
        places += [f"{name}: {mark}" for mark in {m for c in contents for m, encoded in wanted if encoded in c.lower()}]
    return places


def _encoded(mark: str) -> list[bytes]:
    return [mark.lower().encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]


def _unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes themselves, and all that is packed in them."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from _unpacked(gzip.decompress(content))
    elif zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                yield from _unpacked(archive.read(entry))
    elif content[:4] == b"\x89PNG":
        yield from _texts(content)
    elif content[:4] == b"NRRD":
        header, _, data = content.partition(b"\n\n")
        if b"encoding: gzip" in header:
            yield zlib.decompress(data, wbits=31)
    for picture in _PICTURE.findall(content):
        yield from _unpacked(base64.b64decode(picture))


def _texts(png: bytes) -> Iterator[bytes]:
    """Compressed texts of a PNG; the others can be read as they are."""
    for chunk in _PNG_TEXT.finditer(png):
        length = int.from_bytes(png[chunk.start() - 4 : chunk.start()], "big")
        text = png[chunk.end() : chunk.end() + length]
        start = text.find(b"\x78")
        while start >= 0:
            try:
                yield zlib.decompressobj().decompress(text[start:])
                break
            except zlib.error:
                start = text.find(b"\x78", start + 1)
