"""Strict pydantic models, and their errors in words for who wrote the file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from textwrap import shorten
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

_Schema = dict[str, Any]

_MAPPING = "a mapping of names to values"
_WANTED = {
    "tuple": "a list",
    "list": "a list",
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "string": "a text",
    "bool": "true or false",
    "dict": _MAPPING,
    "model": _MAPPING,
}
_WRONG_KINDS = ("_type", "_parsing", "_from_float", "_number")
_BOUNDS = {
    "greater_than": "larger than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
}
_LENGTHS = {
    "too_short": "has {actual_length} entries, fewer than the {min_length} it needs",
    "too_long": "has {actual_length} entries, more than the {max_length} it may have",
}
_LABELS = "labels are [background, liver, lesion], [background, liver] or [background, lesion]"
_LONGEST = 60


def explain_validation_error(error: ValidationError, model: type[BaseModel]) -> str:
    """The end of a sentence on what is wrong, with its full stop: an unknown key if there is one, else the first error.

    Args:
        error: what ``model`` raised.
        model: whose keys are known.
    """
    schema = model.model_json_schema()
    errors = error.errors(include_url=False)
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    words = _explain(first, schema)
    others = len({_entry_of(one) for one in errors if not _follows(one, first, schema)} - {_entry_of(first)})
    ending = f"{words} (and {others} more)" if others else words
    return _in_one_line(ending if ending.endswith("?") else f"{ending}.")


def _in_one_line(words: str) -> str:
    """Words with what would move the cursor, or is no character, spelt out."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in words)


class _Location:
    """The place of an error: its name, the keys known there, and whether it is a step of a chain."""

    def __init__(self, path: Iterable[int | str], schema: _Schema) -> None:
        self._definitions = schema.get("$defs", {})
        self._node = self._resolved(schema)
        self._parts: list[str] = []
        for part in path:
            self._enter(part)

    @property
    def name(self) -> str:
        return ", ".join(self._parts)

    @property
    def keys(self) -> list[str]:
        return list(self._node.get("properties", {}))

    @property
    def kind(self) -> str:
        if self._node.get("discriminator", {}).get("propertyName") == "step":
            return "step"
        return self._parts[-1] if self._parts else ""

    def _enter(self, part: int | str) -> None:
        node = self._node
        if isinstance(part, int):
            fixed = node.get("prefixItems", [])
            self._node = self._resolved(fixed[part] if part < len(fixed) else node.get("items", {}))
            self._parts.append(f"{self._item} {part + 1}")
        elif "discriminator" in node:
            self._node = self._resolved({"$ref": node["discriminator"]["mapping"].get(part, "")})
            self._parts[-1:] = [f"{''.join(self._parts[-1:])} ({part})"]
        elif "oneOf" in node:  # told apart by the key that only one has
            options = [self._resolved(option) for option in node["oneOf"]]
            self._node = next((option for option in options if part in option.get("properties", {})), {})
        else:
            self._node = self._resolved(node.get("properties", {}).get(part) or node.get("additionalProperties") or {})
            self._parts.append(_brief(part))

    @property
    def _item(self) -> str:
        if self.kind == "step":
            return "step"
        return "chain" if self._parts and self._parts[-1] == "chains" else "entry"

    def _resolved(self, node: _Schema | bool) -> _Schema:
        if not isinstance(node, dict):
            return {}
        if "$ref" in node:
            return self._resolved(self._definitions.get(node["$ref"].rpartition("/")[2], {}))
        wanted = [option for option in node.get("anyOf", []) if option.get("type") != "null"]
        return self._resolved(wanted[0]) if len(wanted) == 1 else node


def _entry_of(error: ErrorDetails) -> tuple[int | str, ...]:
    """The entry that an error counts for: labels are one, whichever of their lists they were held against."""
    return ("labels",) if error["loc"][:1] == ("labels",) else error["loc"]


def _follows(error: ErrorDetails, first: ErrorDetails, schema: _Schema) -> bool:
    """Whether a key is missing only because the unknown one of the first error is in its place."""
    *where, key = first["loc"] or ("",)
    if (first["type"], error["type"]) != ("extra_forbidden", "missing"):
        return False
    return list(error["loc"]) in [[*where, known] for known in _likely(key, _Location(where, schema).keys)]


def _likely(key: int | str, known: list[str]) -> list[str]:
    return get_close_matches(str(key), known, n=1)


def _explain(error: ErrorDetails, schema: _Schema) -> str:
    kind, where = error["type"], error["loc"]
    if where[:1] == ("labels",):
        return _LABELS
    if kind == "extra_forbidden":
        return _unknown(where[-1], _Location(where[:-1], schema))
    if kind == "invalid_key":
        return f"a name should be a text, not {_shown(error['input'])}"
    place = _Location(where, schema)
    if kind == "value_error":
        reason = error["msg"].removeprefix("Value error, ")
        return f"{place.name}: {reason}" if place.name else reason
    if kind == "json_invalid":
        return f"it is not valid JSON{_position(error['msg'])}"
    if kind == "union_tag_invalid":
        return _unknown_tag(error, place)
    if place.kind == "step" and (refusal := _no_step(error, place)):
        return refusal
    return f"{place.name or 'it'} {_wrong(error, place)}"


def _unknown(key: int | str, place: _Location) -> str:
    missing = f"there is no “{_brief(key)}”" + (f" at {place.name}" if place.name else "")
    if likely := _likely(key, place.keys):
        return f"{missing}: did you mean {likely[0]}?"
    return f"{missing}: there are {', '.join(place.keys)}" if place.keys else missing


def _unknown_tag(error: ErrorDetails, place: _Location) -> str:
    context = error["ctx"]
    where = "" if place.name == place.kind else f" at {place.name}"
    names = _unquoted(context["expected_tags"])
    return f"there is no {place.kind} “{context['tag']}”{where}: choose one of {names}"


def _position(message: str) -> str:
    at = message.rpartition(" at line ")[2]
    line, separator, column = at.partition(" column ")
    return f" at line {line}, column {column}" if separator else ""


def _no_step(error: ErrorDetails, place: _Location) -> str:
    if error["type"] == "union_tag_not_found":
        return f"{place.name} has no name: a step needs its name, such as step: window"
    if isinstance(error["input"], str):
        return (
            f"{place.name} is the text {_shown(error['input'])}: a step needs its name, such as step: window, "
            "and a published chain's name cannot stand inside a chain"
        )
    return ""


def _wrong(error: ErrorDetails, place: _Location) -> str:
    """The end of the sentence that begins with the entry's name: what is wrong with it."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind in _BOUNDS:
        return f"should be {_BOUNDS[kind].format(**context)}, not {_shown(given)}"
    if kind in _LENGTHS:
        return _LENGTHS[kind].format(**context)
    if kind == "union_tag_not_found":
        return f"needs its {_unquoted(context['discriminator'])}"
    return _wrong_value(error, place)


def _wrong_value(error: ErrorDetails, place: _Location) -> str:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    wanted = _WANTED.get(kind.partition("_")[0])
    if wanted and kind.endswith(_WRONG_KINDS):
        return f"should be {wanted}, not {_describe_kind(given)}"
    if kind == "string_pattern_mismatch" and place.kind == "name":
        return f"may hold letters, digits, . _ - only, 64 at most and a letter or digit first, not {_shown(given)}"
    if "expected" in context:
        return f"should be {_unquoted(context['expected'])}, not {_shown(given)}"
    return f"cannot be {_shown(given)}"


def _unquoted(words: str) -> str:
    return words.replace("'", "")


def _shown(value: Any) -> str:
    """A value as its writer knows it, in a line and no longer than a sentence can hold."""
    if value is None or isinstance(value, (dict, list, tuple)):
        return _describe_kind(value)
    if isinstance(value, bool):
        return str(value).lower()
    words = _brief(value)
    return f"“{words}”" if isinstance(value, str) else words


def _brief(value: Any) -> str:
    words = shorten(str(value), _LONGEST, placeholder=" …")
    return words if len(words) > 1 or len(str(value)) < _LONGEST else str(value)[:_LONGEST] + "…"


def _describe_kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text {_shown(value)}"
    if isinstance(value, dict):
        return _MAPPING
    return "a list" if isinstance(value, (list, tuple)) else _shown(value)


class StrictModel(BaseModel):
    """A section of a file: no keys but its own, no infinite numbers, and no change once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _with_options(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NAME_OR_OPTIONS = BeforeValidator(_with_options)
