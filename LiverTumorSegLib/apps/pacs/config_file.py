"""The service's configuration file, in TOML, read with its relative paths made absolute."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ...core.errors import UserError
from ...core.schema import explain_validation_error
from .config import Config

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

_Schema = TypeVar("_Schema", bound=BaseModel)
_PATHS = frozenset({"folder", "certificate", "key", "authorities", "password_file"})


def read(path: Path) -> Config:
    """Read a configuration; relative paths in it are relative to its folder.

    Raises:
        UserError: it is missing or wrong.
    """
    return validated(Config, content_of(path), path)


def content_of(path: Path) -> dict[str, Any]:
    """What a TOML file says, its relative paths made absolute.

    Raises:
        UserError: it is missing or wrong.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'}): check the name."
        raise UserError(msg) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is not valid TOML ({error}): correct it there."
        raise UserError(msg) from error
    return _with_absolute_paths(content, path.absolute().parent)


def validated(schema: type[_Schema], content: dict[str, Any], path: Path) -> _Schema:
    """What a file says, as a schema has it.

    Args:
        schema: of the file.
        content: of it.
        path: of it.

    Raises:
        UserError: it does not fit.
    """
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        msg = f"{path}: {explain_validation_error(error, schema)}"
        raise UserError(msg) from error


def _with_absolute_paths(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content with relative paths, and such as begin with ``~``, wherever they are in it, made absolute."""
    placed: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            placed[name] = _with_absolute_paths(value, folder)
        elif isinstance(value, list):
            placed[name] = [_with_absolute_paths(each, folder) if isinstance(each, dict) else each for each in value]
        elif isinstance(value, str) and _is_path(name, value):
            placed[name] = str(folder / _from_home(value))
        else:
            placed[name] = value
    return placed


def _from_home(path: str) -> Path:
    with suppress(RuntimeError):  # there is no such user: it is a name like any other
        return Path(path).expanduser()
    return Path(path)


def _is_path(name: str, value: str) -> bool:
    return name in _PATHS or (name == "model" and ("/" in value or "\\" in value))
