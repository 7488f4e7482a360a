"""Models from elsewhere, kept among the user's: folders and zip files, of this program and of nnU-Net."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..core.atomic_files import remove_leftovers, temporary_folder
from ..core.errors import UserError
from ..core.progress import Job
from ..core.safe_zip import ZIP_ERRORS, unpack_zip
from . import model_folder, store
from .nnunet.conversion import NO_CHOICES, ImportChoices, OpenQuestions, convert, find_questions
from .nnunet.folders import PLANS, is_nnunet
from .store import unpack_model

_MOST_BYTES, _MOST_FILES = 16 << 30, 2000
"""More than five folds with all that a training leaves beside them."""


def import_any(
    source: Path, choices: ImportChoices = NO_CHOICES, *, overwrite: bool = False, job: Job | None = None
) -> str:
    """Keep a model: a folder of this program's or of nnU-Net's, or a zip file of one; returns its name.

    Args:
        source: the folder or zip file.
        choices: what a folder of nnU-Net's leaves open.
        overwrite: replace a model of its name.
        job: told what is being done; its token ends the reading of checkpoints.

    Raises:
        UserError: it holds no valid model, something has to be chosen, or a model of its name is there.
        Cancelled: the token was used.
    """
    if source.is_file():
        return import_archive(source, str(source), choices, overwrite=overwrite, job=job)
    if (source / model_folder.DESCRIPTION).is_file() or not (source.is_dir() and is_nnunet(source)):
        _refuse_choices(choices, source)
        return store.import_model(source, overwrite=overwrite)
    return _import_nnunet(source, choices, job or Job(), overwrite=overwrite)


def ask_of(source: Path) -> OpenQuestions | None:
    """What has to be chosen before a folder is imported; None where nothing is.

    Raises:
        UserError: it cannot be imported whatever is chosen, as far as its texts tell.
    """
    if not is_nnunet(source) or (source / model_folder.DESCRIPTION).is_file():
        return None
    questions = find_questions(source)
    return questions if questions.any else None


def import_archive(
    archive: Path,
    source: str,
    choices: ImportChoices = NO_CHOICES,
    *,
    overwrite: bool = False,
    job: Job | None = None,
) -> str:
    """Keep the model that a zip file holds; returns its name.

    Args:
        archive: the zip file.
        source: where it came from, for errors and as the name of a data set that has none.
        choices: what a folder of nnU-Net's leaves open.
        overwrite: replace a model of its name.
        job: as of :func:`import_any`.

    Raises:
        UserError, Cancelled: as :func:`import_any`.
    """
    place = _place()
    with temporary_folder(place) as own:
        if not _holds_plans(archive):
            _refuse_choices(choices, source)
            unpack_model(archive, own / "model", source)
            return store.import_model(own / "model", overwrite=overwrite)
        folder = own / _folder_name(source)
        unpack_zip(archive, folder, _MOST_BYTES, _MOST_FILES, kind="model")
        return _import_nnunet(folder, choices, job or Job(), overwrite=overwrite)


def _folder_name(source: str) -> str:
    """The name of an archive's file without its ending, whichever system its path or address is of."""
    return PurePosixPath(PureWindowsPath(source).name).stem.strip(". ") or "model"


def _import_nnunet(folder: Path, choices: ImportChoices, job: Job, *, overwrite: bool) -> str:
    with temporary_folder(_place()) as own:
        convert(folder, own / "model", choices, job)
        job.at(0.9, "Keeping the model")
        return store.import_model(own / "model", overwrite=overwrite)


def _place() -> Path:
    """Folder for what is not finished, on the disk of the models, without what killed processes left there."""
    place = store.imported_models()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{place} cannot be made ({error.strerror}): allow it, or free some space on its disk."
        raise UserError(msg) from error
    remove_leftovers(place)
    return place


def _holds_plans(archive: Path) -> bool:
    try:
        with zipfile.ZipFile(archive) as entries:
            return any(PurePosixPath(name).name == PLANS for name in entries.namelist())
    except (*ZIP_ERRORS, OSError):
        return False  # what is wrong with it, unpacking says


def _refuse_choices(choices: ImportChoices, source: object) -> None:
    if choices != NO_CHOICES:
        msg = f"{source} is a model of this program: leave out the options for nnU-Net's models."
        raise UserError(msg)
