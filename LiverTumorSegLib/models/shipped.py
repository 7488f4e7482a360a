"""What is said of the models that ship before anything can be loaded: plain JSON, without PyTorch and pydantic.

The panel in Slicer shows it before its worker runs, also where packages are missing.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..core.about import DEFAULT_MODEL

SHIPPED_MODELS = Path(__file__).parent / "pretrained"


def is_research_only(name: str, terms: str) -> bool:
    """Whether a licence forbids commercial use, by the NC of its SPDX name or by its words."""
    forbidden = re.search(r"(for|in) research only|non-?commercial", terms, re.IGNORECASE)
    return "NC" in name.upper().split("-") or bool(forbidden)


def shipped_titles() -> list[dict[str, Any]]:
    """Name, title, labels, purpose, licence and checksum of each model that ships, the default first.

    They are a part of what the worker's command ``models`` answers.
    """
    folders = sorted(SHIPPED_MODELS.glob("*/model.json"), key=lambda path: (path.parent.name != DEFAULT_MODEL, path))
    return [_title(path) for path in folders]


def _title(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    licence = content["licence"]
    return {
        "name": path.parent.name,
        "title": content["title"],
        "labels": content.get("labels", ["background", "liver", "lesion"]),
        "licence": licence["name"],
        "terms": licence["terms"],
        "research_only": is_research_only(licence["name"], licence["terms"]),
        "sha256": content["weights"]["sha256"],
        "clicks": content.get("clicks") is not None,
        "ships": True,
    }
