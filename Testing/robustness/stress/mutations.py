"""Damage to bytes, numbers and lines of text, drawn by a generator: the same generator does the same damage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import numpy as np

NUMBERS = (
    "0", "-1", "1", "-0", "1.5", "nan", "inf", "-inf", "1e308", "-1e308", "1e999", "1e-320", "1e-30", "1e30", "255",
    "65536", "2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807", "18446744073709551616",
    "1" + "0" * 400, "0x10", "1,5", "1e", "--1", "٣", "",
)  # fmt: skip
WORDS = (
    "", " ", "\0", "a" * 70_000, "a" * 300, "a b " * 240,
    "%s%n%d", "%99999999d", "Größe", "肝臓", "\udcff", "\ufeff", "$(id)", "../../x",
    "None", "true", "[]", "{}", "(1,0,0)", "none none none", ";", "=", ":", ":=", "\t", "\x1b[31m", "<script>",
)  # fmt: skip


def damaged(random: Random, content: bytes, other: bytes) -> bytes:
    """Bytes after one to four pieces of damage; ``other`` is what they may be spliced with."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice(_DAMAGE)(random, changed, other)
    return bytes(changed)


def _flip(random: Random, content: bytearray, _: bytes) -> None:
    for _ in range(random.choice((1, 1, 8))):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _set(random: Random, content: bytearray, _: bytes) -> None:
    start, end = _stretch(random, content)
    content[start:end] = random.choice((b"\0", b"\xff", b" ", b"\n", b"9", random.randbytes(1))) * (end - start)


def _insert(random: Random, content: bytearray, _: bytes) -> None:
    start, _end = _stretch(random, content)
    content[start:start] = random.choice((random.randbytes(random.randrange(1, 40)), b"\n", b"\0" * 4, b"A" * 5000))


def _delete(random: Random, content: bytearray, _: bytes) -> None:
    start, end = _stretch(random, content)
    del content[start:end]


def _double(random: Random, content: bytearray, _: bytes) -> None:
    start, end = _stretch(random, content)
    content[start:start] = content[start:end] * random.choice((1, 2, 30))


def _truncate(random: Random, content: bytearray, _: bytes) -> None:
    del content[random.randrange(len(content) + 1) :]


def _splice(random: Random, content: bytearray, other: bytes) -> None:
    at = random.randrange(len(content) + 1)
    content[at:] = other[random.choice((at, random.randrange(len(other) + 1))) :]


def _swap(random: Random, content: bytearray, _: bytes) -> None:
    width = random.choice((2, 4, 8))
    start = random.randrange(len(content) + 1) // width * width
    content[start : start + width] = content[start : start + width][::-1]


_DAMAGE: tuple[Callable[[Random, bytearray, bytes], None], ...] = (
    _flip, _set, _insert, _delete, _double, _truncate, _splice, _swap,
)  # fmt: skip


def _stretch(random: Random, content: bytearray) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice((1, 2, 4, 8, random.randrange(1, 200))))


def hostile_number(random: Random, kind: np.dtype, before: object) -> object:
    """A number of a NumPy type that a field of it should not hold, or at least did not."""
    if kind.kind == "f":
        limits = np.finfo(kind)
        values = [
            0,
            -0.0,
            -1,
            1,
            np.nan,
            np.inf,
            -np.inf,
            limits.max,
            limits.min,
            limits.smallest_subnormal,
            limits.eps,
        ]
        values += [random.uniform(-1000, 1000), 1e-30, 1e30]
    elif kind.kind in "iu":
        whole = np.iinfo(kind)
        values = [0, whole.min, whole.max, whole.max - 1, 1, 2, random.randint(whole.min, whole.max)]
        values += [-1] if whole.min else [whole.max // 2 + 1]
    else:
        return random.randbytes(kind.itemsize)
    swapped = np.array(before, kind).byteswap()[()]
    return random.choice([*values, swapped])


def changed_lines(random: Random, lines: Sequence[str], separators: Sequence[str]) -> list[str]:
    """Lines of a header of ``key SEPARATOR value`` after one to three changes."""
    changed = list(lines)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(changed)) if changed else 0
        if changed:
            random.choice(_CHANGES)(random, changed, at, separators)
    return changed


def _drop(_: Random, lines: list[str], at: int, __: Sequence[str]) -> None:
    del lines[at]


def _repeat(random: Random, lines: list[str], at: int, _: Sequence[str]) -> None:
    lines[at:at] = [lines[at]] * random.choice((1, 2, 500))


def _move(random: Random, lines: list[str], at: int, _: Sequence[str]) -> None:
    lines.insert(random.randrange(len(lines)), lines.pop(at))


def _misspell(random: Random, lines: list[str], at: int, separators: Sequence[str]) -> None:
    key, separator, value = _parts(lines[at], separators)
    spoilt = random.choice((key[:-1], key + "s", key.upper(), key.lower(), key[::-1], " " + key, random.choice(WORDS)))
    lines[at] = spoilt + separator + value


def _number(random: Random, lines: list[str], at: int, separators: Sequence[str]) -> None:
    """One of the numbers in a value, or how many there are."""
    key, separator, value = _parts(lines[at], separators)
    words = value.replace("(", " ").replace(")", " ").replace(",", " ").split() or [""]
    for _ in range(random.choice((1, 1, 3))):
        words[random.randrange(len(words))] = random.choice(NUMBERS)
    words = random.choice((words, words, words, words[:-1], words * 2, (words * 5000)[:20_000]))
    opened, between, closed = ("(", ",", ")") if "(" in value else ("", " ", "")
    size = value.count(",") // max(1, value.count("(")) + 1
    groups = [words[start : start + size] for start in range(0, len(words), size)] if opened else [words]
    lines[at] = key + separator + " ".join(opened + between.join(group) + closed for group in groups)


def _word(random: Random, lines: list[str], at: int, separators: Sequence[str]) -> None:
    key, separator, _ = _parts(lines[at], separators)
    lines[at] = key + separator + random.choice(WORDS)


def _swap_values(random: Random, lines: list[str], at: int, separators: Sequence[str]) -> None:
    other = random.randrange(len(lines))
    (key, one, value), (key2, two, value2) = (_parts(lines[place], separators) for place in (at, other))
    lines[at], lines[other] = key + one + value2, key2 + two + value


def _join(_: Random, lines: list[str], at: int, __: Sequence[str]) -> None:
    if at + 1 < len(lines):
        lines[at : at + 2] = [lines[at] + lines[at + 1]]


def _foreign(random: Random, lines: list[str], at: int, _: Sequence[str]) -> None:
    lines.insert(at, random.choice(("", "#", "x", *WORDS, random.choice(WORDS) + random.choice(NUMBERS))))


_CHANGES: tuple[Callable[[Random, list[str], int, Sequence[str]], None], ...] = (
    _drop, _repeat, _move, _misspell, _number, _number, _number, _word, _swap_values, _join, _foreign,
)  # fmt: skip


def _parts(line: str, separators: Sequence[str]) -> tuple[str, str, str]:
    for separator in separators:
        if separator in line:
            return line.partition(separator)
    return line, "", ""


def as_bytes(text: str) -> bytes:
    """Text with what is no character as the byte that it stands for."""
    return text.encode(errors="surrogateescape")
