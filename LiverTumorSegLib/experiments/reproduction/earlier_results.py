"""Results that a folder holds already, to be gone on with where they are of the same reproduction."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...core.errors import UserError
from .results import FORMAT, JSON, Reproduction

_TOLD = {
    "name": "is of {}, not of {}",
    "data": "is on {}, not on {}",
    "size": "has --size {}, not {}",
    "epochs": "has --epochs {}, not {}",
    "changes": "has --set {}, not {}",
    "metrics": "measures what this version does not",
}


def difference(one: Reproduction, other: Reproduction) -> str:
    """The first setting in which another differs, in words; nothing where both are of one system, data and size."""
    for key in ("name", "size", "data", "epochs", "changes", "metrics"):
        mine, theirs = getattr(one, key), getattr(other, key)
        if mine != theirs:
            return _TOLD[key].format(_setting_in_words(mine), _setting_in_words(theirs))
    return ""


def _setting_in_words(setting: Any) -> str:
    if isinstance(setting, dict):
        return " ".join(f"{key}={value}" for key, value in setting.items()) or "nothing"
    return "as published" if setting is None else str(setting)


def read_results(
    folder: Path,
    wanted: Reproduction,
    *,
    overwrite: bool,
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Read what a folder holds already of a reproduction; ``wanted`` itself where it holds nothing.

    Figures of an earlier version, which measured otherwise, are not taken: they would stand in one table with others.

    Args:
        folder: of the reproduction.
        wanted: what is to be done.
        overwrite: whether another reproduction may be given up.
        resume: whether there has to be one to go on with.
        say: told where figures of an earlier version are there.

    Raises:
        UserError: it holds another reproduction that may not be given up, a damaged one, or none to go on with.
    """
    path = folder / JSON
    try:
        content = path.read_bytes()
        if _is_earlier(content, wanted):
            say(
                f"The figures in {path} were measured in another way by an earlier version and are not taken over: "
                "run each protocol again for its column."
            )
            return wanted
        found = Reproduction.model_validate_json(content)
    except FileNotFoundError:
        if not resume:
            return wanted
        msg = f"{folder} holds no reproduction to go on with: leave --resume out, or give the folder of one."
        raise UserError(msg) from None
    except (OSError, ValidationError) as error:
        if overwrite:
            return wanted
        msg = f"{path} is not what this version writes: choose another folder, or have it replaced (--overwrite)."
        raise UserError(msg) from error
    other = difference(found, wanted)
    if not other:
        return found
    if overwrite:
        return wanted
    msg = (
        f"The reproduction in {folder} {other}: give the same settings to go on with it, choose another folder, or "
        "have it replaced (--overwrite)."
    )
    raise UserError(msg)


def _is_earlier(content: bytes, wanted: Reproduction) -> bool:
    """Whether it is the same reproduction, by a version with another format."""
    try:
        found: Any = json.loads(content)
    except ValueError:
        return False
    if not isinstance(found, dict) or not isinstance(known := found.get("format"), int) or known >= FORMAT:
        return False
    size = "quick" if found.get("quick") else "published"
    return size == wanted.size and all(found.get(key) == getattr(wanted, key) for key in ("name", "data"))
