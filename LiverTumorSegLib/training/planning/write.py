"""The folder of a plan: nnU-Net's own files, and a recipe a configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ...core.atomic_files import whole_folder
from ...core.errors import UserError
from ...core.schema import explain_validation_error
from ...datasets.layouts import Layout
from ..recipe import Recipe
from .plans import Plans
from .recipes import folder_name, recipe_names, recipe_text

PLANS, FINGERPRINT = "nnunet-plans.json", "dataset_fingerprint.json"
CONTENTS = frozenset({PLANS, FINGERPRINT, "2d.yaml", "3d_fullres.yaml", "3d_lowres.yaml"})

_NNUNET_NAME = re.compile(r"Dataset\d{3}_\w+")
_NUMBER = 1


def write_plans(
    plans: Plans, layout: Layout, folder: Path, wanted: Sequence[str] = (), *, overwrite: bool
) -> list[str]:
    """Write plans, fingerprint and recipes, all or nothing.

    Args:
        plans: of the data set.
        layout: of the data set.
        folder: to write.
        wanted: configurations that get a recipe; all that are planned where it is empty.
        overwrite: whether a plan that is there may be replaced.

    Returns:
        The configurations that got a recipe.

    Raises:
        UserError: a configuration is not planned, no recipe can be made of it, or the folder cannot be written.
    """
    possible = recipe_names(plans, layout)
    _refuse_unplanned(wanted, possible, plans, layout)
    names = [name for name in possible if not wanted or name in wanted]
    texts = {name: recipe_text(plans, name, layout) for name in names}
    for name, text in texts.items():
        _check(name, text)
    with whole_folder(folder, overwrite=overwrite, holds=CONTENTS) as new:
        _write_json(new / PLANS, plans.to_json(_dataset_name(layout)))
        _write_json(new / FINGERPRINT, plans.fingerprint.to_json())
        for name, text in texts.items():
            (new / f"{name}.yaml").write_text(text, encoding="utf-8")
    return names


def _refuse_unplanned(wanted: Sequence[str], possible: Sequence[str], plans: Plans, layout: Layout) -> None:
    for name in wanted:
        if name in possible:
            continue
        why = (
            f"{layout.folder} holds slice pictures, of which no patches of volumes are learned"
            if name in plans.configurations
            else f"nnU-Net plans no {name} for these CTs"
        )
        msg = f"{why}: choose {' or '.join(possible)}."
        raise UserError(msg)


def _check(name: str, text: str) -> None:
    """Refuse a recipe that training would refuse, such as of spacings that no CT of a patient has."""
    try:
        Recipe.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        msg = f"The plan's {name} cannot be trained here: {explain_validation_error(error, Recipe)}"
        raise UserError(msg) from error


def _dataset_name(layout: Layout) -> str:
    """As nnU-Net names data sets: with a number and a word."""
    own = folder_name(layout)
    word = re.sub(r"\W+", "", own, flags=re.ASCII)
    return own if _NNUNET_NAME.fullmatch(own) else f"Dataset{_NUMBER:03d}_{word or 'Liver'}"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
