"""Damage to what JSON and YAML say: entries gone, added, doubled, of other kinds, huge, deep and not finite."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

DEEPEST, LONGEST = 100_000, 10_000_000

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5, 1e308, -1e308, 5e-324, 2**31, 2**63, 2**64, -(2**63), 10**400, "", "a", "0",
    "../../etc/passwd", "/etc/passwd", "CON", "a\0b", "line\nline", "\x1b[31m", "<script>alert(1)</script>", "肝臓",
    "$(id)", "{{ 7*7 }}", "%s%n", [], {}, [[]], [None], {"": ""}, [0] * 1000, ["background"], {"step": "window"},
    {"name": "unet"}, [1e308, -1e308], ["liver", "lesion"], float("nan"), float("inf"), float("-inf"),
)  # fmt: skip


class Raw(str):
    """Text that stands in a file as it is, where a value would."""

    __slots__ = ()


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every entry there is, as what holds it and its key or number."""
    keys = list(content) if isinstance(content, dict) else range(len(content))
    for key in keys:
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from places(content[key])


def changed(random: Random, content: dict[str, Any]) -> dict[str, Any]:
    """Content after one to three changes, in a copy."""
    result = copy.deepcopy(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        choices = list(places(result))
        if choices:
            _change(random, *random.choice(choices))
    return result


def _change(random: Random, holder: Any, key: Any) -> None:
    kind = random.choice(("value", "value", "value", "number", "delete", "add", "wrap", "move"))
    if kind == "delete":
        del holder[key]
    elif kind == "add":
        _add(random, holder, key)
    elif kind == "wrap":
        holder[key] = random.choice(([holder[key]], {"a": holder[key]}, [holder[key]] * 50, str(holder[key])))
    elif kind == "number" and isinstance(holder[key], (int, float)):
        holder[key] = random.choice((holder[key] * -1, holder[key] + 1, holder[key] * 1000, holder[key] / 3, 0))
    elif kind == "move" and isinstance(holder, dict):
        holder[random.choice((f"{key}s", str(key).upper(), "__class__", ""))] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(random.choice(_VALUES))


def _add(random: Random, holder: Any, key: Any) -> None:
    value = copy.deepcopy(random.choice(_VALUES))
    if isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), value)
    else:
        holder[random.choice(("surprise", "__proto__", "model_config", "x" * 3000, "format", "options", "name"))] = (
            value
        )
