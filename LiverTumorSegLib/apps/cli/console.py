"""Options and printing that the commands share, with a progress bar and Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from ...core.progress import CancelToken, Progress
from ...core.sanitize import escape_invisible, strip_folders_of_word, to_one_line

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, gpu, cuda:N or mps.")]
NameCT = Annotated[bool, typer.Option("--name-ct", help="Name the file or case, and a DICOM CT's date, in the report.")]
LiverModel = Annotated[
    str,
    typer.Option(
        "--liver-model",
        metavar="NAME",
        help="Model that marks the liver in which lesions are looked for; auto: the default model where --model "
        "marks lesions alone; none: no such model.",
    ),
]
AlsoModels = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="NAME",
        help="A model of other structures, such as vessels; repeat for more.",
        show_default="none",
    ),
]
Coarse = Annotated[
    bool, typer.Option("--coarse/--full", help="Find the liver on coarse slices first, or segment every slice.")
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Slices per batch, or parts of a volume on a GPU.", show_default="what memory holds"),
]
Precision = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Exact = Annotated[
    bool,
    typer.Option("--exact", help="For nnU-Net models: the labels of nnU-Net itself, by its own arithmetic; slower."),
]
Damaged = Annotated[
    str,
    typer.Option(
        help="What to do with slices that are NaN, hold one number, or repeat their neighbour: as-is or interpolate."
    ),
]
LesionSegments = Annotated[
    str, typer.Option(help="With --dicom: each (a segment for each lesion) or all (one for all).")
]
Deflate = Annotated[
    bool, typer.Option("--deflate", help="With --dicom: compress the Segmentation; not every receiver accepts that.")
]
LabelMap = Annotated[
    bool,
    typer.Option(
        "--label-map",
        help="With --dicom: write the Segmentation as a compressed label map; few receivers accept that.",
    ),
]

USER_ERROR, CANCELLED = 3, 130
"""Exit codes where the user can mend what is wrong, and where the user ended it."""

_WIDEST, _PAGE, _LINE_EVERY_S = 140, 200, 60

out, err = Console(), Console(stderr=True)


class _FirstSign:
    """What a terminal shows from a command's first moment on, until it prints or shows its progress."""

    def __init__(self) -> None:
        self._shown: Bar | None = None

    def show(self) -> None:
        if not _is_shown_progress():
            return
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        self._shown = Bar(*columns, console=err, transient=True)
        self._shown.add_task("Loading the program", total=None)
        self._shown.start()

    def remove(self) -> None:
        if self._shown:
            self._shown.stop()
            self._shown = None


_FIRST_SIGN = _FirstSign()
_LOCAL_RANKS = ("LOCAL_RANK", "SLURM_LOCALID")


def _is_shown_progress() -> bool:
    """Whether progress moves on a terminal, which of several ranks on a machine the first alone does."""
    number = next((os.environ[name] for name in _LOCAL_RANKS if name in os.environ), "0")
    return err.is_terminal and not out.quiet and number == "0"


@contextmanager
def starting(*, quiet: bool = False) -> Iterator[None]:
    """Show at once that a command works, since what it imports may take long.

    Args:
        quiet: show neither this nor progress, and print nothing but warnings and errors.
    """
    out.quiet = quiet
    _FIRST_SIGN.show()
    try:
        yield
    finally:
        _FIRST_SIGN.remove()
        out.quiet = False


def say(sentence: str) -> None:
    """Print a sentence as it is, on one line."""
    _FIRST_SIGN.remove()
    out.print(escape_invisible(sentence), soft_wrap=True, highlight=False, markup=False)


def show(table: Table) -> None:
    """Print a table whole, however narrow the terminal is: a figure that is cut off misleads."""
    _FIRST_SIGN.remove()
    Console(width=max(out.width, _WIDEST), quiet=out.quiet).print(table)


def show_page(page: RenderableType) -> None:
    """Print a page as wide as the terminal; into a file or a pipe so wide that its tables are whole."""
    _FIRST_SIGN.remove()
    Console(width=out.width if out.is_terminal else _PAGE, quiet=out.quiet).print(page)


def say_written(files: Iterable[Path], *, after: str = "") -> None:
    """Print the last line of a command, which names every file that it wrote.

    Args:
        files: in the order in which they are named.
        after: sentences that stand before it on the line.
    """
    *first, last = map(str, files)
    names = f"{', '.join(first)} and {last}" if first else last
    say(f"{after}{' ' if after else ''}Wrote {names}. Research only, not a medical device.")


def text_cells(*words: str) -> list[Text]:
    """Words of files as cells of a table, which by itself would take brackets in them for styles and links."""
    return [Text(escape_invisible(each)) for each in words]


def warn(sentence: str) -> None:
    """Print a sentence as a warning to standard error."""
    _FIRST_SIGN.remove()
    err.print(f"[yellow]warning:[/] {escape(to_one_line(sentence))}", soft_wrap=True, highlight=False)


def complain(sentence: str) -> None:
    """Print a sentence as an error to standard error."""
    _FIRST_SIGN.remove()
    err.print(f"[red]error:[/] {escape(to_one_line(sentence))}", soft_wrap=True, highlight=False)


def command_line() -> str:
    """Command line as a shell takes it, to be kept in files: without the folders of this machine."""
    return shlex.join(["livertumorseg", *map(strip_folders_of_word, sys.argv[1:])])


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress bar on standard error, which moves also where nothing is told; on no terminal, a line a minute."""
    _FIRST_SIGN.remove()
    if out.quiet:
        yield lambda fraction, sentence: None  # noqa: ARG005
        return
    if not err.is_terminal:
        yield _line_a_minute()
        return
    said = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), said, BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=err, transient=True) as shown:
        task = shown.add_task("Starting", total=1.0)
        yield lambda fraction, sentence: shown.update(task, completed=fraction, description=to_one_line(sentence))


def _line_a_minute() -> Progress:
    told = monotonic()

    def tell(fraction: float, sentence: str) -> None:
        nonlocal told
        if monotonic() - told >= _LINE_EVERY_S:
            told = monotonic()
            err.print(f"{fraction:4.0%} {to_one_line(sentence)}", soft_wrap=True, highlight=False, markup=False)

    return tell


@contextmanager
def interruptible() -> Iterator[CancelToken]:
    """A token that Ctrl-C cancels."""
    token = CancelToken()
    before = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)
