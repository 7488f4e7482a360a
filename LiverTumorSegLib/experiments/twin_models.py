"""The model of a trial that was trained already, by one that differs only in what is done with the network's output."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.sanitize import strip_folders_of_content
from ..models import model_folder
from ..training.earlier_recipes import completed
from ..training.fit import save_trained
from ..training.network import build_network
from ..training.recipe import Recipe
from ..training.resume import differing_keys, flatten_entries

_NOT_TRAINED = {"name", "title", "network.options", "network.options.smoothing"}
"""Entries of a recipe that no weight depends on; options as a whole differ where one of two has none."""

_OF_DATA = ("data", "labels")


def take_twin_model(recipe: Recipe, twin: Path, folder: Path, model: str, command: str) -> bool:
    """Write the model of a trial with the weights of another's, where training would lead to the same.

    Args:
        recipe: of the trial.
        twin: folder of the other trial.
        folder: of the trial, whose record is there.
        model: name of the models' folders in them.
        command: what the model's card says it was made with.

    Returns:
        Whether it was written: the other is there, of the same data, and its recipe is the same but for its output.
    """
    if not (twin / model).exists() or not _same_data(folder, twin):
        return False
    trained = model_folder.load(twin / model)
    stated = strip_folders_of_content(recipe.model_dump(mode="json"))
    before = completed(trained.description.training.recipe)
    if not set(differing_keys(flatten_entries(before), flatten_entries(stated))) <= _NOT_TRAINED:
        return False
    network = build_network(recipe.from_random)
    network.load_state_dict(trained.network.state_dict())
    origin = trained.description.training.model_copy(update={"recipe": stated, "command": command})
    save_trained(recipe, network, origin, folder / model, overwrite=False)
    return True


def _same_data(folder: Path, twin: Path) -> bool:
    """Whether both trials' records state the same files."""
    records = [(path, twin / path.name) for path in folder.glob("*.json") if (twin / path.name).is_file()]
    read = [[json.loads(path.read_text(encoding="utf-8")) for path in pair] for pair in records]
    return bool(read) and all(one.get(key) == other.get(key) for one, other in read for key in _OF_DATA)
