"""What tells a CT from another one of the same name, without reading all of it."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_HEADERS = (".mhd", ".mha", ".nhdr", ".nrrd")
_HEADER_BYTES = 2**16
_DATA = re.compile(r"^(?:ElementDataFile\s*=|data ?file:)", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"%\d*d")
_SAMPLES = 9
_SAMPLE_BYTES = 2**18


def size(files: Iterable[Path]) -> int:
    """Bytes of files; those that cannot be asked, such as broken links, count as none."""
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.stat().st_size
    return total


def fingerprint(files: Collection[Path], series: str | None = None) -> str:
    """A hash of a CT's files that stays when they are moved or copied, and tells nothing of them.

    It follows from the sizes, from samples of the first, middle and last file, and of several files also from their
    names. Samples lie from the beginning to the end of a file, since two CTs may share their header and an empty
    first and last slice. Data files that a MetaImage or NRRD header names are the CT's, too.

    Args:
        files: of the CT, in any order; those that cannot be read count as empty.
        series: UID of the DICOM series, as a folder may hold several.

    Returns:
        SHA-256 in hexadecimal digits.
    """
    digest = sha256((series or "").encode())
    parts = sorted({part for file in files for part in (file, *_data_of(file))})
    for part in parts:
        name = part.name if len(parts) > 1 else ""
        digest.update(f"\0{name}\0{size([part])}\0".encode("utf-8", "surrogateescape"))
    for number in sorted({0, len(parts) // 2, len(parts) - 1} if parts else ()):
        for sample in _samples(parts[number]):
            digest.update(sample)
    return digest.hexdigest()


def _samples(path: Path) -> Iterator[bytes]:
    if not path.is_file():  # a pipe would be waited for without end
        return
    with suppress(OSError), path.open("rb") as content:
        last = max(path.stat().st_size - _SAMPLE_BYTES, 0)
        for start in sorted({last * number // (_SAMPLES - 1) for number in range(_SAMPLES)}):
            content.seek(start)
            yield content.read(_SAMPLE_BYTES)


def _data_of(file: Path) -> Iterator[Path]:
    """The files that a header says the voxels are in: one, a list, or names with a number such as ``%03d`` in them."""
    if file.suffix.lower() not in _HEADERS:
        return
    text = _start(file)
    key = _DATA.search(text)
    if key is None:
        return
    first, *following = text[key.end() :].splitlines() or [""]
    for name in following if first.split()[:1] == ["LIST"] else [first]:
        with suppress(OSError, ValueError):  # it is no name that a file can have
            yield from _called(file.parent / name.strip())


def _called(path: Path) -> list[Path]:
    if "%" not in path.name or path.is_file():
        return [path] if path.is_file() else []
    return sorted(path.parent.glob(_NUMBER.sub("*", glob.escape(path.name.split()[0]))))


def _start(header: Path) -> str:
    if not header.is_file():
        return ""
    with suppress(OSError), header.open("rb") as content:
        return content.read(_HEADER_BYTES).decode("utf-8", "replace").replace("\0", " ")
    return ""
