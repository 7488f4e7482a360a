"""Two trained models as one: a model that finds the liver, and one that looks at it closer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from ..core.errors import UserError
from ..core.schema import explain_validation_error
from . import model_folder
from .description import CloserNetwork, Description
from .model_folder import Model

_OF_THE_FIRST_ALONE = ("figures", "evidence", "lesion_scores")
"""What was measured of the first model by itself, and is not true of both together."""


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
    changes = {name: Description.model_fields[name].get_default() for name in _OF_THE_FIRST_ALONE}
    title = one.title if one.closer else f"{one.title}, and a closer look"
    changes |= {"title": title, "closer": second}
    try:
        both = Description.model_validate(dict(one) | changes)
    except ValidationError as error:
        reason = explain_validation_error(error, Description)
        msg = f"“{one.name}” and “{other.name}” do not go together: {reason}"
        raise UserError(msg) from error
    return Model(both, first.network, closer=closer.network)


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
