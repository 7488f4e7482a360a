"""Models by name: those that ship and those the user imported."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from platformdirs import user_data_path

from . import DEFAULT_MODEL, model
from .errors import UserError
from .whole_files import whole_folder

DEFAULT = DEFAULT_MODEL
_SHIPPED = Path(__file__).parent / "pretrained"
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def imported_models() -> Path:
    """Folder of the user's models; the environment variable ``LIVERTUMORSEG_MODELS`` moves it."""
    return Path(os.environ.get("LIVERTUMORSEG_MODELS") or user_data_path("livertumorseg", appauthor=False) / "models")


def available() -> dict[str, Path]:
    """Model folders by name, the default first; an imported model hides a shipped one of its name."""
    found = {
        folder.parent.name: folder.parent
        for place in (_SHIPPED, imported_models())
        for folder in sorted(place.glob(f"*/{model.DESCRIPTION}"))
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))


def find(name: str = DEFAULT) -> Path:
    """Folder of a model, by its name or by a path to it.

    Raises:
        UserError: there is none.
    """
    known = available()
    if name in known:
        return known[name]
    if Path(name).is_dir():
        return Path(name)
    msg = f"There is no model “{name}”: give the folder of one, or one of these names: {', '.join(known) or 'none'}."
    raise UserError(msg)


def import_model(folder: Path, *, overwrite: bool = False) -> str:
    """Check a model folder and copy it to the user's models; returns its name.

    Only the description, the weights and the card are copied.

    Raises:
        UserError: it is no valid model folder, a model of that name is there already or ships, or no folder can have
            that name.
    """
    description = model.load(folder).description
    _check_name(description.name, overwrite=overwrite)
    with whole_folder(imported_models() / description.name, overwrite=overwrite, holds=model.FILES) as new:
        for file in model.FILES:
            if (folder / file).is_file():
                shutil.copyfile(folder / file, new / file, follow_symlinks=False)
        if model.load(new).description != description:
            msg = f"{folder} changed while it was copied: import it again."
            raise UserError(msg)
    return description.name


def _check_name(name: str, *, overwrite: bool) -> None:
    """Refuse names of Windows' devices, on any system, and those of shipped models unless it is allowed."""
    if _DEVICES.fullmatch(name) or name.endswith("."):
        msg = f"No folder can be called “{name}” on every system: have the model named otherwise."
        raise UserError(msg)
    if (_SHIPPED / name / model.DESCRIPTION).is_file() and not overwrite:
        msg = f"A model called “{name}” ships with the program: allow this one to take its place (--overwrite)."
        raise UserError(msg)


def remove_model(name: str) -> None:
    """Delete a model the user imported.

    Raises:
        UserError: it ships with the program, is not there, or cannot be deleted.
    """
    folder = imported_models() / name
    if name not in available() or not (folder / model.DESCRIPTION).is_file():
        reason = "ships with the program" if name in available() else "is not there"
        msg = f"The model “{name}” {reason}: only imported models can be removed."
        raise UserError(msg)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        msg = f"{folder} cannot be removed ({error.strerror}): close what uses it and try again."
        raise UserError(msg) from error


def ships(folder: Path) -> bool:
    """True for a model that came with the program."""
    return folder.parent == _SHIPPED
