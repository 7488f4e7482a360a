"""What the user decided for all scenes, in Slicer's own settings and never in a scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer

from LiverTumorSegLib.apps.panel import texts as panel_texts

from .texts import plain

_GROUP = "LiverTumorSeg"
_START_ON_OPENING = f"{_GROUP}/StartOnOpening"
_YES = "yes"


def startsOnOpening() -> bool:
    """Whether the worker starts with the panel, not at the first click."""
    return _isSet(_START_ON_OPENING)


def setStartsOnOpening(wanted: bool) -> None:
    """Decide it."""
    slicer.app.userSettings().setValue(_START_ON_OPENING, _YES if wanted else "")


def consented(model: Mapping[str, Any]) -> bool:
    """Whether a model's weights may be used; asks, once a model, where they are for research only.

    Args:
        model: as the worker lists it.
    """
    if not model.get("research_only"):
        return True
    key = f"{_GROUP}/ResearchOnly/{model['sha256']}"
    if not _isSet(key) and slicer.util.confirmYesNoDisplay(plain(panel_texts.consent(model))):
        slicer.app.userSettings().setValue(key, _YES)
    return _isSet(key)


def _isSet(key: str) -> bool:
    return slicer.app.userSettings().value(key) == _YES
