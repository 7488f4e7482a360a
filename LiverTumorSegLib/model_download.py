"""A model folder, zipped, from an address on the internet: checked before it is unpacked."""

from __future__ import annotations

import re
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlparse

from . import model, model_store
from .errors import UserError
from .progress import CancelToken, Job, Progress, job

_LARGEST = 4 << 30
_BLOCK = 1 << 20
_SECONDS = 30


def download_model(
    url: str,
    sha256: str,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    overwrite: bool = False,
) -> str:
    """Download the zip file of a model folder, check it and import it; returns the model's name.

    Args:
        url: an ``https`` address, or ``http`` on this machine.
        sha256: of the zip file, as its author published it.
        progress: told the fraction downloaded.
        cancel: checked every megabyte.
        overwrite: whether a model of that name may be replaced.

    Raises:
        UserError: the address or checksum is not valid, the file is not the one named, or holds no valid model.
        Cancelled: ``cancel`` was used; nothing stays.
    """
    _check_request(url, sha256)
    with tempfile.TemporaryDirectory(prefix="livertumorseg-") as scratch:
        archive = Path(scratch) / "model.zip"
        _fetch(url, archive, job(progress, cancel))
        if model.sha256(archive) != sha256.lower():
            msg = f"{url} is not the file you named (SHA-256 differs): check both with the model's author."
            raise UserError(msg)
        _unpack(archive, Path(scratch) / "model", url)
        return model_store.import_model(Path(scratch) / "model", overwrite=overwrite)


def _check_request(url: str, sha256: str) -> None:
    address = urlparse(url)
    here = address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1", "::1")
    if not here and (address.scheme != "https" or not address.hostname):
        msg = f"“{url}” is not an address that starts with https://: check it."
        raise UserError(msg)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        msg = "The SHA-256 is not 64 hexadecimal digits: copy it from where the model is described."
        raise UserError(msg)


def _fetch(url: str, archive: Path, task: Job) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response, archive.open("wb") as file:  # noqa: S310
            _copy(response, file, int(response.headers.get("Content-Length") or 0), url, task)
    except (urllib.error.URLError, HTTPException, TimeoutError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"{url} cannot be downloaded ({reason}): check the address and the connection."
        raise UserError(msg) from error


def _copy(response: IO[bytes], file: IO[bytes], size: int, url: str, task: Job) -> None:
    done = 0
    while block := response.read(_BLOCK):
        done += len(block)
        if done > _LARGEST:
            msg = f"{url} is larger than {_LARGEST >> 30} GB, more than a model is: check the address."
            raise UserError(msg)
        task.at(min(1.0, done / size) if size else 0.5, f"Downloaded {done / 1e6:.0f} MB")
        file.write(block)


def _unpack(archive: Path, folder: Path, url: str) -> None:
    """Take out the files of a model by their names alone, so that no entry chooses where it is written."""
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as entries:
            for entry in entries.infolist():
                name = PurePosixPath(entry.filename).name
                if name in model.FILES and not entry.is_dir():
                    _extract(entries, entry, folder / name, url)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        msg = f"{url} is no zip file that can be unpacked: ask for a zipped model folder."
        raise UserError(msg) from error


def _extract(entries: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, url: str) -> None:
    if path.exists():
        msg = f"{url} holds several files named {path.name}: ask for the zip file of a single model."
        raise UserError(msg)
    if entry.file_size > _LARGEST:
        msg = f"{url} unpacks to more than {_LARGEST >> 30} GB, more than a model is: check the address."
        raise UserError(msg)
    with entries.open(entry) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, _BLOCK)
