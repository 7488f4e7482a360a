"""A file that no header may lead to, watched by the kernel: whoever opens it shows, Python or a C++ library."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_ACCESS, _OPEN = 0x1, 0x20
"""Events of inotify(7)."""

_MORE_THAN_IS_READ = 17 << 20

Lines = list[str]


@contextmanager
def unopened(path: Path) -> Iterator[None]:
    """Fail if the file is opened or read by any process meanwhile.

    Raises:
        AssertionError: it was.
    """
    system = ctypes.CDLL(None, use_errno=True)
    watch = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert watch >= 0, os.strerror(ctypes.get_errno())
    try:
        assert system.inotify_add_watch(watch, os.fsencode(path), _ACCESS | _OPEN) >= 0, f"{path} cannot be watched"
        yield
        assert not _happened(watch), f"{path.name} was opened"
    finally:
        os.close(watch)


def _happened(watch: int) -> bool:
    try:
        return bool(os.read(watch, 4096))
    except BlockingIOError:
        return False


def _doubled(name: str, between: str, file: str, here: Lines) -> Lines:
    return [*here, f"{name}{between}{file}"]


def _longer_name(name: str, between: str, file: str, _here: Lines) -> Lines:
    return [f"{name}2{between}LOCAL", f"{name}{between}{file}"]


def _control(name: str, between: str, file: str, here: Lines) -> Lines:
    return [f"{name} \x0b{between.strip()} {file}", *here]


def _control_before(name: str, between: str, file: str, _here: Lines) -> Lines:
    return [f"{name} \x0b{between.strip()} LOCAL", f"{name}{between}{file}"]


def _return(name: str, between: str, file: str, here: Lines) -> Lines:
    return [f"{_comment(between)}a\r{name}{between}{file}", *here]


def _return_before(name: str, between: str, file: str, _here: Lines) -> Lines:
    end = f"\r{name}{between}LOCAL\r" if between == " = " else "\r\r"
    return [f"{_comment(between)}a{end}", f"{name}{between}{file}"]


def _own_key(name: str, between: str, file: str, here: Lines) -> Lines:
    return [f"{name}{between}{file}:=LOCAL", *here]


def _far_behind(name: str, between: str, file: str, here: Lines) -> Lines:
    line = _comment(between) + "x" * 500
    return [*([line] * (_MORE_THAN_IS_READ // len(line))), f"{name}{between}{file}", *here]


def _comment(between: str) -> str:
    return "Comment = " if between == " = " else "# "


ATTACKS: dict[str, Callable[[str, str, str, Lines], Lines]] = {
    "two names": _doubled,
    "a name that begins like it": _longer_name,
    "a control character in its name": _control,
    "a control character in the name before": _control_before,
    "a carriage return in a comment": _return,
    "a carriage return in the comment before": _return_before,
    "a pair of one's own": _own_key,
    "a header longer than is read": _far_behind,
}
"""Lines in the place of those that say where voxels are.

Each is made from the name of the field, what stands between it and its value, the file that it is to lead to, and the
lines that are there in a sound header.
"""
