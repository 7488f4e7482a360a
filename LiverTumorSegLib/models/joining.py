"""Two trained models as one, and as two again: a model that finds the liver, and one that looks at it closer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.atomic_files import whole_folder
from ..core.errors import UserError
from ..core.schema import explain_validation_error
from . import model_folder
from .description import CloserNetwork, Description
from .model_folder import Model

_OF_BOTH = ", and a closer look"
"""Behind the first model's title, in that of both."""

_MEASURED = ("figures", "evidence", "lesion_scores")
"""What was measured of one model by itself, and is not true of both together, nor the other way round."""

PARTS = ("first", "closer")
"""Folders of the two models that a joined one is split into."""


def join(first: Model, closer: Model) -> Model:
    """The model that both are together.

    Args:
        first: finds the liver, and may have a second network, which is left out.
        closer: whose preprocessing needs the liver.

    Raises:
        UserError: one cannot be what it is given as, or their licences differ.
    """
    one, other = first.description, closer.description
    if not other.needs_liver:
        msg = (
            f"The model “{other.name}” does not look at a liver that another one found: its preprocessing lacks the "
            "step liver_level."
        )
        raise UserError(msg)
    if one.licence.name != other.licence.name:
        msg = (
            f"The weights of “{one.name}” are under {one.licence.name}, and those of “{other.name}” under "
            f"{other.licence.name}: join models with one licence."
        )
        raise UserError(msg)
    second = CloserNetwork(
        network=other.network, preprocessing=other.preprocessing, stack=other.stack, training=other.training
    )
    changes = _unmeasured()
    title = one.title if one.closer else f"{one.title}{_OF_BOTH}"
    changes |= {"title": title, "closer": second}
    try:
        both = Description.model_validate(dict(one) | changes)
    except ValidationError as error:
        reason = explain_validation_error(error, Description)
        msg = f"“{one.name}” and “{other.name}” do not go together: {reason}"
        raise UserError(msg) from error
    return Model(both, first.network, closer=closer.network)


def _unmeasured() -> dict[str, Any]:
    return {name: Description.model_fields[name].get_default() for name in _MEASURED}


def save_joined(
    first: Model, closer: Model, folder: Path, write_card: Callable[[Description], str], *, overwrite: bool = False
) -> Description:
    """Write the model that both are together.

    Args:
        first: as of :func:`join`.
        closer: the same.
        folder: to write.
        write_card: text of a card.
        overwrite: replace a model that is there.

    Raises:
        UserError: as :func:`join`, or the folder exists or cannot be written.
    """
    both = join(first, closer)
    fields = both.description.without_weights
    return model_folder.save(folder, both.network, write_card, second=both.closer, overwrite=overwrite, **fields)


def split(both: Model) -> tuple[Model, Model]:
    """The two models that a joined one was made of; what was measured of both is left out.

    Raises:
        UserError: it has one network only.
    """
    description, of_closer = both.description, both.description.of_closer
    if of_closer is None or both.closer is None:
        msg = f"The model “{description.name}” has one network only: there is nothing to split."
        raise UserError(msg)
    unmeasured = _unmeasured()
    named = {name: of_closer.training.recipe.get(name) for name in ("name", "title", "segments")}
    own = {"name": f"{description.name}-closer"} | {name: said for name, said in named.items() if said}
    alone = {"title": description.title.removesuffix(_OF_BOTH), "closer": None}
    first = description.model_copy(update=unmeasured | alone)
    return Model(first, both.network), Model(of_closer.model_copy(update=unmeasured | own), both.closer)


def save_split(both: Model, folder: Path, write_card: Callable[[Description], str], *, overwrite: bool = False) -> None:
    """Write the two models that a joined one was made of into the folders :data:`PARTS` of a folder.

    Args:
        both: as of :func:`split`.
        folder: to write.
        write_card: text of a card.
        overwrite: replace such a folder that is there.

    Raises:
        UserError: as :func:`split`, or the folder exists or cannot be written.
    """
    parts = split(both)
    with whole_folder(folder, overwrite=overwrite, holds=frozenset(PARTS)) as new:
        for name, part in zip(PARTS, parts, strict=True):
            model_folder.save(new / name, part.network, write_card, **part.description.without_weights)
