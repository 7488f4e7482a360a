"""DICOM series: elements damaged in their kind, length, value and order, and bytes, in one slice or in all."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from ..batches import Batches
from ..mutations import NUMBERS, WORDS, as_bytes, damaged
from ..volume_tries import base, read

TRIES = 50_000

Element = tuple[int, int, str, bytes]
_LONG = ("OB", "OW", "SQ", "UN", "UT")
_KINDS = (*_LONG, "CS", "DS", "IS", "UI", "LO", "PN", "US", "FD", "AT", "ZZ", "\0\0")
_LENGTHS = (0, 1, 3, 0xFFFF, 0xFFFE, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE, 0x80000000)
_UNDEFINED = 0xFFFFFFFF


@cache
def slices() -> tuple[tuple[Element, ...], ...]:
    """The base, a slice a file."""
    return tuple(_slice(number) for number in range(base().voxels.shape[0]))


def _slice(number: int) -> tuple[Element, ...]:
    us = struct.Struct("<H").pack
    rows, columns = base().voxels.shape[1:]
    texts = [
        (0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
        (0x0008, 0x0018, "UI", f"1.2.3.4.{number}"),
        (0x0008, 0x0060, "CS", "CT"),
        (0x0008, 0x103E, "LO", "a series"),
        (0x0010, 0x0010, "PN", "Nobody"),
        (0x0020, 0x000D, "UI", "1.2.3"),
        (0x0020, 0x000E, "UI", "1.2.3.4"),
        (0x0020, 0x0013, "IS", str(number)),
        (0x0020, 0x0032, "DS", f"-40\\-60\\{-30 + 2.5 * number}"),
        (0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
        (0x0028, 0x0030, "DS", "1.25\\0.75"),
        (0x0028, 0x1052, "DS", "-1024"),
        (0x0028, 0x1053, "DS", "1"),
    ]
    words = {0x0002: 1, 0x0010: rows, 0x0011: columns, 0x0100: 16, 0x0101: 16, 0x0102: 15, 0x0103: 1}
    pixels = (base().voxels[number] + 1024).astype("<i2").tobytes()
    return tuple(
        sorted(
            [
                *((group, element, kind, text.encode()) for group, element, kind, text in texts),
                *((0x0028, element, "US", us(value)) for element, value in words.items()),
                (0x0028, 0x0004, "CS", b"MONOCHROME2"),
                (0x7FE0, 0x0010, "OW", pixels),
            ]
        )
    )


def written(elements: tuple[Element, ...] | list[Element], syntax: str = "1.2.840.10008.1.2.1") -> bytes:
    """A file in explicit little endian, whatever syntax it states."""
    stated = element(0x0002, 0x0010, "UI", syntax.encode())
    meta = element(0x0002, 0x0000, "UL", struct.pack("<I", len(stated))) + stated
    return bytes(128) + b"DICM" + meta + b"".join(element(*each) for each in elements)


def element(group: int, number: int, kind: str, value: bytes, length: int | None = None) -> bytes:
    """An element, its length as it is or as it is not."""
    value += (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    stated = len(value) if length is None else length
    if kind in _LONG:
        return struct.pack("<HH2s2xI", group, number, kind.encode(), stated & _UNDEFINED) + value
    return struct.pack("<HH2sH", group, number, kind.encode(), stated & 0xFFFF) + value


def attempt(random: Random, folder: Path) -> bool:
    sound, one = random.random() < 0.1, random.randrange(len(slices()))
    everywhere, seed = random.random() < 0.3, random.random()
    series = folder / "series"
    series.mkdir()
    for number, elements in enumerate(slices()):
        touched = not sound and (everywhere or number == one)
        content = _damaged(Random(seed), elements) if touched else written(elements)
        (series / f"{number}.dcm").write_bytes(content)
    return read(series, base() if sound else None, force=True) is not None


def _damaged(random: Random, elements: tuple[Element, ...]) -> bytes:
    syntaxes = (
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.50",
        "1.2",
        "",
    )
    parts = [element(*each) for each in elements]
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(parts))
        parts[at] = random.choice(_DAMAGE)(random, elements[at % len(elements)])
    if random.random() < 0.2:
        random.shuffle(parts)
    syntax = random.choice(syntaxes) if random.random() < 0.1 else "1.2.840.10008.1.2.1"
    content = written([], syntax) + b"".join(parts)
    return damaged(random, content, written(elements)) if random.random() < 0.3 else content


def _value(random: Random, each: Element) -> bytes:
    group, number, kind, value = each
    if kind in ("US", "OW"):
        return element(group, number, kind, random.choice((b"", b"\0\0", b"\xff\xff", value * 3, value[:-2])))
    words = [part.decode() for part in value.split(b"\\")]
    words[random.randrange(len(words))] = random.choice((*NUMBERS, *WORDS))[:60_000]
    words = random.choice((words, words, words[:-1], words * 20))
    return element(group, number, kind, as_bytes("\\".join(words)))


def _length(random: Random, each: Element) -> bytes:
    return element(*each, length=random.choice((*_LENGTHS, len(each[3]) + 1, random.getrandbits(32))))


def _kind(random: Random, each: Element) -> bytes:
    return element(each[0], each[1], random.choice(_KINDS), each[3])


def _tag(random: Random, each: Element) -> bytes:
    return element(random.choice((0, 2, 8, 0x28, 0xFFFE, 0x7FE0, each[0])), random.getrandbits(16), each[2], each[3])


def _twice(_: Random, each: Element) -> bytes:
    return element(*each) * 2


def _nothing(_: Random, __: Element) -> bytes:
    return b""


def _nested(random: Random, each: Element) -> bytes:
    """Sequences in sequences, of undefined length, closed or left open."""
    depth = random.choice((1, 2, 30, 1000))
    opened = element(0x0008, 0x1140, "SQ", b"", _UNDEFINED) + struct.pack("<HHI", 0xFFFE, 0xE000, _UNDEFINED)
    closed = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return opened * depth + closed * random.choice((depth, depth, depth - 1, 0)) + element(*each)


_DAMAGE: tuple[Callable[[Random, Element], bytes], ...] = (
    _value, _value, _value, _length, _kind, _tag, _twice, _nothing, _nested,
)  # fmt: skip

BATCHES = Batches("dicom_headers", attempt, size=200)
run, only = BATCHES.run, BATCHES.only
