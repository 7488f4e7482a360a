"""Models as a worker knows them: the one that it has loaded, and the cards of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.about import AUTO_LIVER
from ...core.errors import UserError
from ...inference.model_set import ModelSet, liver_name
from ...models import model_folder, store
from ...models.description import Description
from ...models.model_folder import Model


class LastModel:
    """The model that was asked for last, or the set of models; one is loaded again where its files have changed.

    Args:
        base: folder that relative paths start from.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._kept: dict[str, Model] = {}

    def load(self, name: str) -> Model:
        """The model of this name, or in this folder.

        Raises:
            UserError: there is none, or it is not valid.
        """
        key, folder = self._key(name)
        if key not in self._kept:
            self._kept = {key: model_folder.load(folder)}
        return self._kept[key]

    def load_set(self, name: str, liver: str = AUTO_LIVER, also: Sequence[str] = ()) -> ModelSet:
        """The models of these names, or in these folders; that of the liver as ``load_models`` says.

        Raises:
            UserError: there is none, it is not valid, or it cannot be what it is given as.
        """
        liver = liver_name(self.describe(name).labels, liver)
        found: dict[str, Model] = {}
        for each in (name, *([liver] if liver else []), *also):
            key, folder = self._key(each)
            found[key] = self._kept.get(key) or found.get(key) or model_folder.load(folder)
        self._kept = found
        others = tuple(found[self._key(each)[0]] for each in also)
        return ModelSet(found[self._key(name)[0]], found[self._key(liver)[0]] if liver else None, others)

    def describe(self, name: str) -> Description:
        """The description of the model of this name, or in this folder.

        Raises:
            UserError: there is none, or it is not valid.
        """
        return model_folder.read_description(store.find_model(name, self._base))

    def _key(self, name: str) -> tuple[str, Path]:
        """What changes with a model's files, and their folder."""
        folder = store.find_model(name, self._base)
        files_now = [folder / file for file in sorted(model_folder.FILES)]
        return str([(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files_now if f.is_file()]), folder


def model_card(name: str, folder: Path) -> dict[str, Any]:
    """Facts about a model, ready for JSON; of one that is not valid, ``error`` says what is wrong.

    ``clicks`` says whether it segments a lesion that is clicked into, and no whole CT.
    """
    try:
        description = model_folder.read_description(folder)
    except UserError as error:
        return {"name": name, "title": name, "error": str(error), "ships": store.is_shipped(folder)}
    return {
        "name": name,
        "title": description.title,
        "labels": list(description.labels),
        "segments": description.segments,
        "data": description.training.data,
        "patients": len(description.training.patients),
        "accuracy": description.figures.in_words if description.figures else "",
        "definition": description.figures.definition if description.figures else "",
        "licence": description.licence.name,
        "terms": description.licence.terms,
        "research_only": description.licence.research_only,
        "sha256": description.weights.sha256,
        "bytes": description.weights.bytes,
        "postprocessing": description.postprocessing.model_dump(),
        "clicks": description.clicks is not None,
        "structures": list(description.structures),
        "ships": store.is_shipped(folder),
    }
