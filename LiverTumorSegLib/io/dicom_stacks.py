"""Stacks of slices in the enhanced CTs of a series, each of which is then chosen as a series of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from .dicom_frames import FrameHeader
from .dicom_header import Header

_STACK = "-stack"


def split_series(uid: str, headers: Sequence[Header]) -> dict[str, list[Header]]:
    """Tell the stacks of a series apart, by the names they have, and where slices lie at one place by what differs.

    Args:
        uid: of the series.
        headers: of its images and frames.

    Returns:
        The headers by what their stack is chosen by: the UID where there is one stack, else ``UID-stack1`` and so on.
    """
    frames = [header for header in headers if isinstance(header, FrameHeader)]
    if len(frames) < len(headers):  # one with a problem makes the series unusable, single images have no stacks
        return {uid: list(headers)}
    if problem := _missing_part(frames):
        return {uid: [replace(header, problem=problem) for header in headers]}
    named = _grouped(frames, lambda frame: frame.stack)
    stacks = [part for name in sorted(named, key=_natural) for part in _told_apart(named[str(name)])]
    if len(stacks) == 1:
        return {uid: list(headers)}
    return {f"{uid}{_STACK}{number}": list(stack) for number, stack in enumerate(stacks, 1)}


def series_uid(chosen: str) -> str:
    """The UID of the series that a stack is of."""
    return chosen.partition(_STACK)[0]


def stack_name(chosen: str) -> str:
    """What a stack is called, as ``stack1``."""
    return chosen[len(series_uid(chosen)) + 1 :]


def _missing_part(frames: Sequence[FrameHeader]) -> str:
    """A sentence on a concatenation of which not all files are there (PS3.3, section C.7.6.16.2.2.4)."""
    for parts in _grouped([frame for frame in frames if frame.part], lambda frame: frame.whole).values():
        first, found = parts[0], {frame.part for frame in parts}
        if found != set(range(1, max(first.parts, *found) + 1)):
            of = f" of {first.parts}" if first.parts else ""
            return (
                f"{first.file} is part {first.part}{of} of a CT in several files, which are not all there: give a "
                "folder that holds all."
            )
    return ""


def _told_apart(frames: list[FrameHeader]) -> list[list[FrameHeader]]:
    """Frames of one stack, or of several with one name, as of several phases or files."""
    if not _overlap(frames):
        return [frames]
    keys: tuple[Callable[[FrameHeader], Hashable], ...] = (lambda one: one.phase, lambda one: one.whole)
    for key in keys:
        parts = list(_grouped(frames, key).values())
        if not any(len(part) < 2 or _overlap(part) for part in parts):
            return parts
    return [frames]


def _overlap(frames: Sequence[Header]) -> bool:
    """Whether two lie at the same place."""
    return len({_place(frame) for frame in frames}) < len(frames)


def _place(frame: Header) -> tuple[float, ...]:
    try:
        return tuple(round(number, 2) + 0.0 for number in frame.numbers("position", 3))
    except ValueError:
        return (frame.frame,)


def _grouped(
    frames: Sequence[FrameHeader], key: Callable[[FrameHeader], Hashable]
) -> dict[Hashable, list[FrameHeader]]:
    groups: dict[Hashable, list[FrameHeader]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return groups


def _natural(name: Hashable) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.findall(r"\d{1,16}|\D+", str(name))]
