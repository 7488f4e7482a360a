"""The options of ``models import`` and ``models download`` on what a folder of nnU-Net's leaves open."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

NnUNetChoices = Any
"""An :class:`LiverTumorSegLib.models.nnunet.conversion.ImportChoices`, whose module takes PyTorch along."""

_PARAMETER = "choices"
_PANEL = "Of nnU-Net's models"


def _option(words: str, default: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=words, metavar=metavar, show_default=default, rich_help_panel=_PANEL)


_OPTIONS: dict[str, Any] = {
    "name": Annotated[str | None, _option("Name to keep it under.", "the folder's", "--name")],
    "configuration": Annotated[
        str | None,
        _option(
            "Configuration to import, such as 3d_fullres, where there are several.", "the only one", "--configuration"
        ),
    ],
    "folds": Annotated[str | None, _option("Numbers of the folds to average, such as 0,1.", "all", "--folds")],
    "checkpoint": Annotated[str | None, _option("File in each fold.", "checkpoint_final.pth", "--checkpoint")],
    "labels": Annotated[
        list[str] | None,
        _option(
            "liver, lesion or another structure, and the data set's name for it, where that does not tell; none=NAME "
            "leaves one out. Repeatable.",
            "the data set's names",
            "--label",
            metavar="WHAT=NAME",
        ),
    ],
    "licence": Annotated[
        str | None,
        _option("Licence of the weights, where the folder does not state it.", "what the folder says", "--licence"),
    ],
    "mirroring": Annotated[
        bool | None,
        _option(
            "Average mirrored passes where the checkpoint allows them.",
            "as its author does",
            "--mirroring/--no-mirroring",
        ),
    ],
    "orientation": Annotated[
        str | None, _option("Give CTs to the model as stored, or in RAS.", "as plans say", "--orientation")
    ],
    "totalsegmentator": Annotated[
        bool | None,
        _option(
            "Use TotalSegmentator's own steps around nnU-Net.",
            "as the folder's name says",
            "--totalsegmentator/--no-totalsegmentator",
        ),
    ],
}


def with_nnunet_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options in place of its parameter ``choices``, which gets what was chosen."""

    @functools.wraps(command)
    def taking(**given: Any) -> None:
        from ...models.nnunet.conversion import read_choices

        chosen = {name: given.pop(name) for name in _OPTIONS}
        command(**given, choices=read_choices(**{name: value for name, value in chosen.items() if value is not None}))

    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += map(_parameter, _OPTIONS) if parameter.name == _PARAMETER else [parameter]
    taking.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    taking.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return taking


def _parameter(name: str) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=_OPTIONS[name])
