"""The clean-up options of ``segment`` and ``segment-cohort``, made from the table of options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...postprocessing.options import OPTIONS, CleanUpOption

if TYPE_CHECKING:
    from ...postprocessing.settings import Postprocessing

CleanUp = Mapping[str, bool | float]
"""Options that the user chose, by name; the model's own count for the others."""

AS_THE_MODEL: CleanUp = MappingProxyType({})
"""Nothing was chosen."""

_PARAMETER, _DEFAULT = "clean_up", "the model's"


def with_clean_up_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an argument for each clean-up option in place of its parameter ``clean_up``."""

    @functools.wraps(command)
    def taking(**given: Any) -> None:
        chosen = {option.name: given.pop(option.short_name) for option in OPTIONS}
        command(**given, clean_up={name: value for name, value in chosen.items() if value is not None})

    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += map(_parameter, OPTIONS) if parameter.name == _PARAMETER else [parameter]
    taking.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    taking.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return taking


def changed_steps(steps: Postprocessing, clean_up: CleanUp) -> Postprocessing:
    """A model's own steps with what the user chose otherwise."""
    return steps.model_copy(update=dict(clean_up))


def _parameter(option: CleanUpOption) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.short_name, kind, default=None, annotation=_annotation(option))


def _annotation(option: CleanUpOption) -> Any:
    flag = option.short_name.replace("_", "-")
    if option.kind is bool:
        return Annotated[
            bool | None, typer.Option(f"--{flag}/--no-{flag}", help=f"{option.help}.", show_default=_DEFAULT)
        ]
    words = f"{option.help}, in {option.unit}." if option.unit else f"{option.help}."
    return Annotated[
        float | None, typer.Option(f"--{flag}", min=0, max=option.offered, help=words, show_default=_DEFAULT)
    ]
