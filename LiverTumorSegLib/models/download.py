"""Download of a zipped model folder: resumed after a broken connection, and checked before it is unpacked."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import monotonic, time
from typing import IO
from urllib.parse import urlparse

from ..core import checksum
from ..core.atomic_files import remove_leftovers, temporary_folder
from ..core.errors import UserError
from ..core.progress import CancelToken, Job, Progress, job
from . import store
from .importing import import_archive
from .nnunet.conversion import NO_CHOICES, ImportChoices

LARGEST_DOWNLOAD = 4 << 30
"""Bytes, more than a model has."""

# Not pooch: it starts a broken download again from its first byte.
_BLOCK = 1 << 20
_SECONDS = 30
_SLOWEST, _PATIENCE_S = 1000, 60
"""Bytes a second, over so many seconds: who sends less keeps the connection open for nothing."""

_TRIES = 4
_HERE = ("localhost", "127.0.0.1", "::1")


def check_address(url: str, *, here: bool = True) -> None:
    """Refuse what is neither ``https`` nor, where it may be ``here``, ``http`` on this machine.

    Raises:
        UserError: it is another address, or none.
    """
    try:
        address = urlparse(url)
        allowed = address.scheme == "https" or (here and address.scheme == "http" and address.hostname in _HERE)
        valid = allowed and bool(address.hostname)
    except ValueError:  # brackets that hold no address
        valid = False
    if not valid:
        msg = f"“{url}” is not an address that starts with https://: check it."
        raise UserError(msg)


def fetch(url: str, path: Path, task: Job) -> bool:
    """Bring a file to what is at an address, from the bytes on that it has; connections that break are made again.

    Whether the bytes are the right ones is for a checksum to say: what was there may be of another file.

    Args:
        url: that :func:`check_address` allows, as must all that it redirects to.
        path: may exist.
        task: told the fraction downloaded; its token is checked with everything that arrives.

    Returns:
        Whether the file was put together from several pieces.

    Raises:
        UserError: the address does not answer, or too slowly, the connection breaks again and again, the file is larger
            than :data:`LARGEST_DOWNLOAD`, or the disk is full; what came stays.
        Cancelled: the token was used.
    """
    joined, reason = False, ""
    for _ in range(_TRIES):
        before = _size(path)
        joined = joined or before > 0
        try:
            if _fetch_rest(url, path, before, task):
                return joined
            reason = "the connection ended early"
        except (HTTPException, OSError) as error:
            reason = str(error) or type(error).__name__
    raise _unreachable(url, reason)


def _fetch_rest(url: str, path: Path, before: int, task: Job) -> bool:
    """Ask once for what lacks; whether the file then is whole.

    Raises:
        HTTPException, OSError: the connection broke.
    """
    try:
        response = _opened(url, before)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not before:
            raise _unreachable(url, error.reason) from error
        return _is_all(error.headers, path, before)
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, getattr(error, "reason", None) or error) from error
    with response:
        if response.status == HTTPStatus.PARTIAL_CONTENT and _first(response.headers) != before:
            path.unlink(missing_ok=True)  # a piece that does not belong there: from the start again
            return False
        at = before if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        size = at + response.length if response.length is not None else None
        _copy(response, path, at, size, url, task)
    return size is None or _size(path) == size


def _opened(url: str, before: int) -> HTTPResponse:
    asked = urllib.request.Request(url, headers={"Range": f"bytes={before}-"} if before else {})  # noqa: S310
    response: HTTPResponse = urllib.request.build_opener(_Redirects).open(asked, timeout=_SECONDS)
    return response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A redirect leads to what could have been asked for at once, and never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        check_address(newurl, here=req.type == "http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _copy(response: HTTPResponse, path: Path, at: int, size: int | None, url: str, task: Job) -> None:
    checked, since = at, monotonic()
    with _writable(path, at) as file:
        while block := response.read1(_BLOCK):
            at += len(block)
            if at > LARGEST_DOWNLOAD:
                msg = f"{url} is larger than {LARGEST_DOWNLOAD >> 30} GB, more than a model is: check the address."
                raise UserError(msg)
            task.at(min(1.0, at / size) if size else 0.5, f"Downloaded {at / 1e6:.0f} MB")
            _write(file, block, path)
            if (passed := monotonic() - since) > _PATIENCE_S:
                if at - checked < _SLOWEST * passed:
                    raise _unreachable(url, f"less than {_SLOWEST / 1000:g} kB come a second")
                checked, since = at, monotonic()


def _writable(path: Path, at: int) -> IO[bytes]:
    """The file, open after so many of its bytes."""
    try:
        file = path.open("r+b" if at else "wb", buffering=0)
        if at:
            file.seek(at)
            file.truncate()
    except OSError as error:
        raise _unwritable(path, error) from error
    return file


def _write(file: IO[bytes], block: bytes, path: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _unwritable(path, error) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_all(headers: Message, path: Path, before: int) -> bool:
    """Whether a server that has nothing after these bytes has as many; else the file is none of its and goes."""
    found = re.fullmatch(r"bytes \*/(\d+)", headers.get("Content-Range", ""))
    if found and int(found[1]) == before:
        return True
    path.unlink(missing_ok=True)
    return False


def _first(headers: Message) -> int | None:
    """Place of a piece's first byte."""
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _unreachable(url: str, reason: object) -> UserError:
    return UserError(f"{url} cannot be downloaded ({reason}): check the address and the connection.")


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path.parent} cannot be written to ({error.strerror}): free some space on its disk.")


_FOLDER, _PART = ".downloads", ".part"
_KEPT_S = 7 * 24 * 3600


def download_model(
    url: str,
    sha256: str,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    choices: ImportChoices = NO_CHOICES,
    overwrite: bool = False,
) -> str:
    """Download the zip file of a model folder, also of nnU-Net's, check and import it; returns the model's name.

    What a broken connection or a killed process left is gone on with when the same file is asked for within a week. It
    lies beside the imported models, named after its checksum, and is never looked at but by that.

    Args:
        url: an ``https`` address, or ``http`` on this machine.
        sha256: of the zip file, as its author published it.
        progress: told the fraction downloaded.
        cancel: checked with everything that arrives.
        choices: what a folder of nnU-Net's leaves open.
        overwrite: whether a model of that name may be replaced.

    Raises:
        UserError: the address or checksum is not valid, the file is not the one named, or holds no valid model.
        Cancelled: ``cancel`` was used; nothing stays.
    """
    check_address(url)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        msg = "The SHA-256 is not 64 hexadecimal digits: copy it from where the model is described."
        raise UserError(msg)
    place = store.imported_models() / _FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _downloaded(url, sha256.lower(), place, job(progress, cancel), choices, overwrite=overwrite)
    except OSError as error:
        msg = f"{place} cannot be written to ({error.strerror}): allow it, or free some space on its disk."
        raise UserError(msg) from error
    finally:
        with suppress(OSError):
            place.rmdir()  # unless something is kept


def _downloaded(url: str, sha256: str, place: Path, task: Job, choices: ImportChoices, *, overwrite: bool) -> str:
    remove_leftovers(place, save=lambda left: _keep_parts(left, place))
    _forget_old(place)
    with temporary_folder(place) as own:
        archive = own / f"{sha256}{_PART}"
        with suppress(FileNotFoundError):
            (place / archive.name).replace(archive)  # of two processes at once, one gets it
        try:
            _fetch_exactly(url, sha256, archive, task)
        except UserError:
            _keep_parts(own, place)
            raise
        return import_archive(archive, url, choices, overwrite=overwrite, job=task)


def _fetch_exactly(url: str, sha256: str, archive: Path, task: Job) -> None:
    """Fetch the file of this checksum; what turns out to be joined from two files is fetched anew, once."""
    for _ in range(2):
        joined = fetch(url, archive, task)
        if checksum.sha256(archive) == sha256:
            return
        archive.unlink()
        if not joined:
            break
    msg = f"{url} is not the file you named (SHA-256 differs): check both with the model's author."
    raise UserError(msg)


def _keep_parts(own: Path, place: Path) -> None:
    for part in own.glob(f"*{_PART}"):
        part.replace(place / part.name)


def _forget_old(place: Path) -> None:
    for part in place.glob(f"*{_PART}"):
        with suppress(OSError):
            if time() - part.stat().st_mtime > _KEPT_S:
                part.unlink()
