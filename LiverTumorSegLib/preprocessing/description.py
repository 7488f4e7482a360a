"""A preprocessing chain in words: its steps, what a paper says of them, and what was chosen where it says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .chain import Chain
from .presets import NamedChain


def describe_steps(chain: Chain) -> Iterator[str]:
    """Each step with its options, in the order in which they run; chains side by side one after the other."""
    if not chain.root:
        yield "none: HU as they are"
    for step in chain.root:
        yield _step(step.model_dump(mode="json"))


def describe_values(chain: Chain) -> str:
    """A sentence on what comes out of a chain."""
    count = f"{chain.channels} channel{'' if chain.channels == 1 else 's'}"
    values = "with values from 0 to 1" if chain.ends_in_unit else "with values that are not bound to lie from 0 to 1"
    return f"A slice becomes {count} {values}."


def describe_origin(entry: NamedChain) -> Iterator[tuple[str, str]]:
    """Headings and what stands under each."""
    yield "Source", f"{entry.source}."
    yield "The paper says", entry.says
    yield "Chosen where it says nothing", entry.chosen


def _step(options: dict[str, Any]) -> str:
    name = options.pop("step")
    if "chains" in options:
        channels = (" then ".join(_step(dict(step)) for step in inner) or "HU" for inner in options["chains"])
        return f"{name}: {'; '.join(channels)}"
    shown = ", ".join(f"{key} {_shown(value)}" for key, value in options.items() if value is not None)
    return f"{name} ({shown})" if shown else name


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " to ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
