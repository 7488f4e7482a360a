"""A model folder, zipped, from an address on the internet: checked before it is unpacked."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from time import time

from . import model, model_store
from .errors import UserError
from .model_archive import unpack
from .progress import CancelToken, Job, Progress, job
from .resumed_download import check_address, fetch
from .scratch import scratch, sweep

_FOLDER, _PART = ".downloads", ".part"
_KEPT_S = 7 * 24 * 3600


def download_model(
    url: str,
    sha256: str,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    overwrite: bool = False,
) -> str:
    """Download the zip file of a model folder, check it and import it; returns the model's name.

    What a broken connection or a killed process left is gone on with when the same file is asked for within a week. It
    lies beside the imported models, named after its checksum, and is never looked at but by that.

    Args:
        url: an ``https`` address, or ``http`` on this machine.
        sha256: of the zip file, as its author published it.
        progress: told the fraction downloaded.
        cancel: checked with everything that arrives.
        overwrite: whether a model of that name may be replaced.

    Raises:
        UserError: the address or checksum is not valid, the file is not the one named, or holds no valid model.
        Cancelled: ``cancel`` was used; nothing stays.
    """
    check_address(url)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        msg = "The SHA-256 is not 64 hexadecimal digits: copy it from where the model is described."
        raise UserError(msg)
    place = model_store.imported_models() / _FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _downloaded(url, sha256.lower(), place, job(progress, cancel), overwrite=overwrite)
    except OSError as error:
        msg = f"{place} cannot be written to ({error.strerror}): allow it, or free some space on its disk."
        raise UserError(msg) from error
    finally:
        with suppress(OSError):
            place.rmdir()  # unless something is kept


def _downloaded(url: str, sha256: str, place: Path, task: Job, *, overwrite: bool) -> str:
    sweep(place, save=lambda left: _save(left, place))
    _forget_old(place)
    with scratch(place) as own:
        archive = own / f"{sha256}{_PART}"
        with suppress(FileNotFoundError):
            (place / archive.name).replace(archive)  # of two processes at once, one gets it
        try:
            _fetch_exactly(url, sha256, archive, task)
        except UserError:
            _save(own, place)
            raise
        unpack(archive, own / "model", url)
        return model_store.import_model(own / "model", overwrite=overwrite)


def _fetch_exactly(url: str, sha256: str, archive: Path, task: Job) -> None:
    """Fetch the file of this checksum; what turns out to be joined from two files is fetched anew, once."""
    for _ in range(2):
        joined = fetch(url, archive, task)
        if model.sha256(archive) == sha256:
            return
        archive.unlink()
        if not joined:
            break
    msg = f"{url} is not the file you named (SHA-256 differs): check both with the model's author."
    raise UserError(msg)


def _save(own: Path, place: Path) -> None:
    for part in own.glob(f"*{_PART}"):
        part.replace(place / part.name)


def _forget_old(place: Path) -> None:
    for part in place.glob(f"*{_PART}"):
        with suppress(OSError):
            if time() - part.stat().st_mtime > _KEPT_S:
                part.unlink()
