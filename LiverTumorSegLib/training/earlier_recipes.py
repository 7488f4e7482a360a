"""Recipes that were written before some of their entries came, in today's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..core.errors import UserError
from ..networks import has_imagenet_encoder
from ..networks.imagenet import IMAGENET_INPUT
from .recipe import Recipe


def completed(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe as JSON with the entries that have come since it was written, at what they are where nobody gives them.

    Of an encoder with weights it says that its input was given as it was, which it was before recipes stated it. What
    is not valid any more is given back as it is, so that it can still be compared.
    """
    try:
        return Recipe.model_validate(_with_plain_input(recipe)).model_dump(mode="json")
    except (ValidationError, UserError):
        return recipe


def _with_plain_input(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    network = recipe.get("network")
    if recipe.get("encoder_weights") is None or not isinstance(network, dict):
        return recipe
    if not has_imagenet_encoder(str(network.get("name"))):
        return recipe
    options = {IMAGENET_INPUT: False, **network.get("options", {})}
    return {**recipe, "network": {**network, "options": options}}
