"""Recipes as commands take them: by the name of one that ships, or by a file, with changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError

if TYPE_CHECKING:
    from ..training.recipe import Recipe

Changes = Annotated[list[str] | None, typer.Option("--set", help="key=value, in place of the recipe's.")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps what CTs become; else the user's cache.")]

_SHIPPED = Path(__file__).parents[1] / "recipes"


def load_recipe(name: str, changes: Sequence[str] | None) -> Recipe:
    """A recipe that ships, or a YAML file, with ``key=value`` changes.

    Raises:
        UserError: there is none, it is not valid, or what training needs is not installed.
    """
    try:
        from ..training import recipe as recipes
        from ..training import trainer as _needs_lightning  # noqa: F401
    except ModuleNotFoundError as error:
        msg = f"Training needs {error.name}: install it with pip install 'livertumorseg[train]'."
        raise UserError(msg) from error
    shipped = _SHIPPED / f"{name}.yaml"
    return recipes.load(shipped if shipped.exists() else Path(name), recipes.parse_changes(list(changes or [])))
