"""What many commands take: ``--quiet``, CTs as arguments, and ``--input`` beside the argument that it may stand for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import UserError
from . import console

InputOption = Annotated[
    Path | None,
    typer.Option("--input", "-i", readable=False, help="The same as INPUT.", show_default="INPUT"),
]
Sources = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[CT]...",
        readable=False,
        help="CTs, or one folder of volume-N.nii with segmentation-N.nii.",
        show_default="--input",
    ),
]
InputsOption = Annotated[
    list[Path] | None,
    typer.Option("--input", "-i", readable=False, help="The same as CT; repeat for more.", show_default="CT"),
]
Series = Annotated[
    str | None,
    typer.Option(
        help="UID of the DICOM series, the last part of it, or a stack such as stack1.", show_default="the one there is"
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Use it even if it does not look like a CT.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but warnings, errors, and JSON that is asked for.")
]
_PARAMETER = "quiet"


def one_path(argument: Path | None, option: Path | None, *, name: str, flag: str) -> Path:
    """The path that was given as an argument or by an option.

    Args:
        argument: of the command.
        option: that stands for it.
        name: of the argument, as the help has it.
        flag: of the option.

    Raises:
        UserError: neither or both were given.
    """
    if argument is None and option is None:
        msg = f"{name} is missing: give it as an argument, or by {flag}."
        raise UserError(msg)
    if argument is not None and option is not None:
        msg = f"{argument} and {flag} {option} are both given: leave one of them out."
        raise UserError(msg)
    found = argument or option
    assert found is not None  # noqa: S101  mypy cannot see it
    return found


def some_paths(arguments: Sequence[Path] | None, options: Sequence[Path] | None) -> list[Path]:
    """The CTs that were given as arguments or by ``--input``, one at least.

    Raises:
        UserError: neither or both were given.
    """
    if not arguments and not options:
        msg = "CT is missing: give it as an argument, or by --input."
        raise UserError(msg)
    if arguments and options:
        msg = f"{arguments[0]} and --input {options[0]} are both given: leave one of them out."
        raise UserError(msg)
    return list(arguments or options or ())


def working(command: Callable[..., None]) -> Callable[..., None]:
    """A command that works for a while: it takes ``--quiet``, and shows from its first moment on that it works."""

    @functools.wraps(command)
    def taking(**given: Any) -> None:
        with console.starting(quiet=given.pop(_PARAMETER)):
            command(**given)

    signature = inspect.signature(command, eval_str=True)
    parameter = inspect.Parameter(_PARAMETER, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet)
    parameters = [*signature.parameters.values(), parameter]
    taking.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    taking.__annotations__ = {each.name: each.annotation for each in parameters}
    return taking
