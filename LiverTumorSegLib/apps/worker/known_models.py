"""Models as a worker knows them: the one that it has loaded, and the cards of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...models import model_folder, store
from ...models.model_folder import Model


class LastModel:
    """The model that was asked for last; it is loaded again where its files have changed.

    Args:
        base: folder that relative paths start from.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._kept: tuple[object, Model] | None = None

    def load(self, name: str) -> Model:
        """The model of this name, or in this folder.

        Raises:
            UserError: there is none, or it is not valid.
        """
        folder = store.find_model(name, self._base)
        files_now = [folder / file for file in sorted(model_folder.FILES)]
        key = [(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files_now if f.is_file()]
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, model_folder.load(folder))
        return self._kept[1]


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
        "ships": store.is_shipped(folder),
    }
