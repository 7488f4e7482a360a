"""Text that a user names a file of: a list, a chain, a recipe, a report."""

from __future__ import annotations

import errno
from pathlib import Path


def read(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, line ends as they are.

    Raises:
        OSError: it cannot be read, or is a device, a pipe or a socket, which would be waited for without end.
        UnicodeDecodeError: it is not in UTF-8.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a device, a pipe or a socket", str(path))
    with path.open(encoding="utf-8-sig", newline="") as text:
        return text.read()
