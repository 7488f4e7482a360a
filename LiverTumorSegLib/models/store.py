"""Trained models by name: those that ship and those the user imported, also from a zip file."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from platformdirs import user_data_path

from ..core.about import CLICK_MODEL, DEFAULT_MODEL
from ..core.atomic_files import whole_folder
from ..core.errors import UserError
from ..core.safe_zip import COPY_BLOCK, ZIP_ERRORS, ZIP_METHODS, extract_entry, is_offset_error
from . import model_folder
from .model_folder import Model
from .shipped import SHIPPED_MODELS

DEFAULT = DEFAULT_MODEL
_GET_IT = "it ships with the program, so install that again, or add the model's folder with livertumorseg models import"
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def imported_models() -> Path:
    """Folder of the user's models; the environment variable ``LIVERTUMORSEG_MODELS`` moves it."""
    return Path(os.environ.get("LIVERTUMORSEG_MODELS") or user_data_path("livertumorseg", appauthor=False) / "models")


def available_models() -> dict[str, Path]:
    """Model folders by name, the default first; an imported model hides a shipped one of its name."""
    found = {
        folder.parent.name: folder.parent
        for place in (SHIPPED_MODELS, imported_models())
        for folder in sorted(place.glob(f"*/{model_folder.DESCRIPTION}"))
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))


def find_model(name: str = DEFAULT, base: Path = Path()) -> Path:
    """Folder of a model, by its name or by a path to it, which may be relative to ``base``.

    Raises:
        UserError: there is none.
    """
    known = available_models()
    if name in known:
        return known[name]
    if (base / name).is_dir():
        return base / name
    if name == CLICK_MODEL:
        msg = f"The model “{name}”, which segments lesions by clicks, is not here: {_GET_IT}."
        raise UserError(msg)
    msg = f"There is no model “{name}”: give the folder of one, or one of these names: {', '.join(known) or 'none'}."
    raise UserError(msg)


def load_model(name: str | os.PathLike[str] = DEFAULT) -> Model:
    """Load a trained model and check it.

    Args:
        name: of a model that ships or was imported, or the path of a model folder.

    Returns:
        Its description and its network, on the CPU in evaluation mode.

    Raises:
        UserError: there is none, or it is not valid.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> model = lts.load_model("unet-lits")
        >>> model.description.labels
        ('background', 'liver', 'lesion')
    """
    return model_folder.load(find_model(os.fspath(name)))


def import_model(folder: Path, *, overwrite: bool = False) -> str:
    """Check a model folder and copy it to the user's models; returns its name.

    Only the description, the weights and the card are copied.

    Raises:
        UserError: it is no valid model folder, a model of that name is there already or ships, or no folder can have
            that name.
    """
    description = model_folder.load(folder).description
    _check_name(description.name, overwrite=overwrite)
    with whole_folder(imported_models() / description.name, overwrite=overwrite, holds=model_folder.FILES) as new:
        for file in model_folder.FILES:
            if (folder / file).is_file():
                shutil.copyfile(folder / file, new / file, follow_symlinks=False)
        if model_folder.load(new).description != description:
            msg = f"{folder} changed while it was copied: import it again."
            raise UserError(msg)
    return description.name


def _check_name(name: str, *, overwrite: bool) -> None:
    """Refuse names of Windows' devices, on any system, and those of shipped models unless it is allowed."""
    if _DEVICES.fullmatch(name) or name.endswith("."):
        msg = f"“{name}” cannot be the name of a folder on every system: give the model another name."
        raise UserError(msg)
    if (SHIPPED_MODELS / name / model_folder.DESCRIPTION).is_file() and not overwrite:
        msg = f"A model called “{name}” ships with the program: allow this one to take its place (--overwrite)."
        raise UserError(msg)


def remove_model(name: str) -> None:
    """Delete a model the user imported.

    Raises:
        UserError: it ships with the program, is not there, or cannot be deleted.
    """
    folder = imported_models() / name
    if name not in available_models() or not (folder / model_folder.DESCRIPTION).is_file():
        reason = "ships with the program" if name in available_models() else "is not there"
        msg = f"The model “{name}” {reason}: only imported models can be removed."
        raise UserError(msg)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        msg = f"{folder} cannot be removed ({error.strerror}): close what uses it and try again."
        raise UserError(msg) from error


def is_shipped(folder: Path) -> bool:
    """True for a model that came with the program."""
    return folder.parent == SHIPPED_MODELS


_LARGEST = 4 << 30
_MOST_PACKED = 200
"""Times that an entry may be larger than it is packed; trained weights hardly shrink, and text less than this."""


def unpack_model(archive: Path, folder: Path, source: str) -> None:
    """Take out the files of a model by their names alone, whatever folders, links or other files are in there.

    Args:
        archive: the zip file.
        folder: is created.
        source: where it came from, for errors.

    Raises:
        UserError: it is no zip file, damaged or encrypted, holds two models, or unpacks to more than a model is.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as entries:
            for entry in entries.infolist():
                name = PurePosixPath(entry.filename).name
                if name in model_folder.FILES and not entry.is_dir():
                    _extract(entries, entry, folder / name, source)
    except ZIP_ERRORS as error:
        raise _not_a_model(source) from error
    except OSError as error:
        if is_offset_error(error):
            raise _not_a_model(source) from error
        msg = f"{folder} cannot be written to ({error.strerror}): free some space on its disk."
        raise UserError(msg) from error


def _extract(entries: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, source: str) -> None:
    if path.exists():
        msg = f"{source} holds several files named {path.name}: ask for the zip file of a single model."
        raise UserError(msg)
    if entry.compress_type not in ZIP_METHODS:
        raise _not_a_model(source)
    largest = _LARGEST if path.name == model_folder.WEIGHTS else model_folder.LARGEST_TEXT
    if entry.file_size > min(largest, _MOST_PACKED * max(COPY_BLOCK, entry.compress_size)):
        msg = f"{source} unpacks to a {path.name} that is larger than a model's: ask its author for another."
        raise UserError(msg)
    extract_entry(entries, entry, path)


def _not_a_model(source: str) -> UserError:
    return UserError(f"{source} is not a zip file that can be unpacked: ask for a zipped model folder.")
