"""The YAML file that says how a model is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..datasets.slices import SliceSource
from ..errors import UserError
from ..model import Licence, ModelName, NetworkSpec, Stack, check_channels
from ..postprocessing import Postprocessing
from ..preprocessing import Chain
from .augmentation import Augmentation


class Sampling(BaseModel):
    """Shares of training samples that are centred on a lesion, on liver, on anything, or come from joined masks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lesion: float = Field(0.4, ge=0)
    liver: float = Field(0.3, ge=0)
    other: float = Field(0.2, ge=0)
    joined: float = Field(0.1, ge=0)


class Schedule(BaseModel):
    """AdamW with a one-cycle learning rate and an exponential moving average of the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(0.01, ge=0)
    average: float = Field(0.998, ge=0, lt=1)
    precision: str = "bf16-mixed"


class Recipe(BaseModel):
    """Everything that decides how a model comes out, but for the machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ModelName
    title: str
    segments: str
    seed: int = Field(ge=0)
    data: tuple[SliceSource, ...]
    validation: tuple[str, ...]
    preprocessing: Chain
    stack: Stack = Stack()
    network: NetworkSpec
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    crop: int = Field(gt=0)
    schedule: Schedule
    postprocessing: Postprocessing = Postprocessing()
    licence: Licence

    @model_validator(mode="after")
    def _stack_fills_channels(self) -> Recipe:
        check_channels(self.network, self.stack)
        return self


def load(path: Path, changes: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe; ``changes`` maps dotted keys to values that replace the file's.

    Raises:
        UserError: the file is missing, is not YAML, or has an unknown or wrong entry.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in (changes or {}).items():
            _replace(content, key, value)
        return Recipe.model_validate(content)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"There is no recipe that can be read at {path}: give the name of one that ships, or a YAML file."
        raise UserError(msg) from error
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"The recipe {path} is not valid at {'.'.join(map(str, first['loc']))}: {first['msg']}."
        raise UserError(msg) from error
    except yaml.YAMLError as error:
        msg = f"The recipe {path} is not valid YAML: {str(error).splitlines()[0]}."
        raise UserError(msg) from error


def parse_changes(changes: list[str]) -> dict[str, Any]:
    """Turn ``key=value`` words, values in YAML, into what :func:`load` takes.

    Raises:
        UserError: a word has no equals sign.
    """
    parsed = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            msg = f"“{change}” is no change to a recipe: write key=value, such as schedule.steps=100."
            raise UserError(msg)
        try:
            parsed[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            msg = f"“{change}” is no change to a recipe: its value is not valid YAML."
            raise UserError(msg) from error
    return parsed


def _replace(content: Any, key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {}) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        msg = f"“{key}” is no entry of a recipe that can be changed."
        raise UserError(msg)
    content[last] = value
