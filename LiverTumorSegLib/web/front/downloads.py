"""Files that a browser may fetch: the plain files of one folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from aiohttp import web


def answer(folder: Path, name: str) -> web.FileResponse:
    """The answer with a file, whole or in parts as the request says; browsers save it under its name.

    Args:
        folder: of files to fetch.
        name: of a file in it.

    Raises:
        aiohttp.web.HTTPNotFound: no plain file of this name is in the folder.
    """
    path = _find(folder, name)
    if path is None:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": disposition(name), "Content-Type": "application/octet-stream"}
    return web.FileResponse(path, headers=headers)


def disposition(name: str) -> str:
    """The header that gives a download its name (RFC 6266), with a plain one for what knows no others."""
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _find(folder: Path, name: str) -> Path | None:
    """Looked up among what is there, so that no name leads out of the folder."""
    with suppress(FileNotFoundError), os.scandir(folder) as inside:
        return next((Path(e.path) for e in inside if e.name == name and e.is_file(follow_symlinks=False)), None)
    return None
