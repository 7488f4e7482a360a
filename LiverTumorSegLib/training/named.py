"""Entries of a recipe that may be a name alone, in place of a name with options."""

from __future__ import annotations

from typing import Any

from pydantic import BeforeValidator


def _with_options(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NAME_OR_OPTIONS = BeforeValidator(_with_options)
