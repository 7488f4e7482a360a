"""Training by the name of a recipe, from the command line or from Python.

Lightning and PyYAML, which training alone needs, are loaded when they are used, and missed in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Union

from ..core.atomic_files import refuse_folder, refuse_unwritable
from ..core.errors import UserError
from ..core.progress import CancelToken, Progress
from ..core.sanitize import strip_folders_of_word

if TYPE_CHECKING:
    from ..models.model_folder import Model
    from .recipe import Recipe

    AnyRecipe = Union[str, PathLike[str], Recipe]

_SHIPPED = Path(__file__).parent / "recipes"


def train(
    recipe: AnyRecipe,
    data: str | PathLike[str],
    output: str | PathLike[str],
    *,
    changes: Mapping[str, Any] | None = None,
    device: str = "auto",
    overwrite: bool = False,
    resume: bool = False,
    cache: str | PathLike[str] | None = None,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Model:
    """Train a model and load it.

    Beside the model's folder, ``OUTPUT-log`` gets the metrics, curves and checkpoints, see
    :func:`LiverTumorSegLib.training.fit.fit`.

    Args:
        recipe: name of one that ships, a YAML file, or a recipe.
        data: folder that holds the recipe's data folders.
        output: model folder to write.
        changes: values of the recipe by dotted key, such as ``{"schedule.steps": 100}``.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        overwrite: replace a model that is there, and give up an unfinished training.
        resume: go on where an interrupted training left off, if there is one.
        cache: folder that keeps what CTs become; None for the user's.
        command: what the model's card says it was made with; a call of this function if left out.
        say: told where the log is, and other single sentences.
        progress: told after every step.
        cancel: checked after every step.

    Returns:
        The trained model, as :func:`LiverTumorSegLib.models.store.load_model` gives it.

    Raises:
        UserError: a package is missing, the recipe is not valid, data are missing, or training diverged.
        Cancelled: ``cancel`` was used; the checkpoints stay.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> model = lts.train("quick.yaml", "data", "my-model", changes={"schedule.steps": 2})
        >>> model.description.name
        'quick'
    """
    fit = training_module("fit")
    folder = Path(output)
    check_model_folder(folder, overwrite=overwrite)
    plan = load_recipe(recipe, changes)
    fit.fit(
        plan,
        Path(data),
        folder,
        command=command or f"LiverTumorSegLib.train({_name(recipe)!r})",
        device=device,
        overwrite=overwrite,
        resume=resume,
        cache=None if cache is None else Path(cache),
        say=say,
        progress=progress,
        cancel=cancel,
    )
    from ..models.model_folder import load

    return load(folder)


def load_recipe(recipe: AnyRecipe, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe that ships, or a YAML file, with changes by dotted key.

    Raises:
        UserError: there is none, it is not valid, or what training needs is not installed.
    """
    recipes = training_module("recipe")
    training_module("trainer")
    if isinstance(recipe, (str, PathLike)):
        shipped = _SHIPPED / f"{fspath(recipe)}.yaml"
        return recipes.load(shipped if shipped.exists() else Path(recipe), dict(changes or {}))
    if changes:
        msg = "A recipe that is loaded takes no changes: give its name or file, or change it itself."
        raise UserError(msg)
    return recipe


def training_module(name: str) -> ModuleType:
    """A module of this package that needs what only training needs.

    Raises:
        UserError: that is not installed.
    """
    try:
        return import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        msg = f"Training needs {error.name}: install it with pip install 'livertumorseg[train]'."
        raise UserError(msg) from error


def check_model_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder for a model before any work is done for it.

    Raises:
        UserError: it is there already, holds other things, or cannot be written to.
    """
    from ..models.model_folder import DESCRIPTION, FILES

    refuse_folder(folder, overwrite=overwrite, holds=FILES)
    refuse_unwritable(folder / DESCRIPTION)


def _name(recipe: AnyRecipe) -> str:
    """As the card has it: without the folders of this machine."""
    return strip_folders_of_word(fspath(recipe)) if isinstance(recipe, (str, PathLike)) else recipe.name
