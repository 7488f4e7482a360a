"""Command ``livertumorseg plan``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ...core.progress import job
from .console import Overwrite, bar, interruptible, say_written, show, text_cells, warn

if TYPE_CHECKING:
    from ...datasets.layouts import Layout
    from ...training.planning.plans import Plans

_LISTED = 8


class ConfigurationName(str, Enum):
    """nnU-Net's configurations that a recipe can be made of."""

    slices = "2d"
    full = "3d_fullres"
    low = "3d_lowres"


def plan(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", readable=False, help="Folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    configuration: Annotated[
        list[ConfigurationName] | None,
        typer.Option(
            help="2d, 3d_fullres or 3d_lowres: write this recipe only; repeat for more.", show_default="all that fit"
        ),
    ] = None,
    memory: Annotated[float, typer.Option(min=0.1, max=1000, help="Memory of the GPU to train on, in GB.")] = 8,
    overwrite: Overwrite = False,
) -> None:
    """Plan a training as nnU-Net would: its plans file, and recipes for train and compare."""
    from ...core.atomic_files import refuse_folder, refuse_unwritable
    from ...datasets import layouts
    from ...training.train import training_module

    writing = training_module("planning.write")
    from ...training.planning.fingerprint import take_fingerprint
    from ...training.planning.plans import plan as plan_all

    refuse_folder(output, overwrite=overwrite, holds=writing.CONTENTS)
    refuse_unwritable(output / writing.PLANS)
    layout = layouts.find(data)
    with interruptible() as cancel, bar() as progress:
        fingerprint = take_fingerprint(layout, job(progress, cancel))
    found = plan_all(fingerprint, memory)
    names = writing.write_plans(
        found, layout, output, [each.value for each in configuration or ()], overwrite=overwrite
    )
    _print_plans(found)
    _print_warnings(layout, found)
    say_written([output / writing.PLANS, output / writing.FINGERPRINT, *(output / f"{name}.yaml" for name in names)])


def _print_plans(plans: Plans) -> None:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for title in ("configuration", "mm", "patch", "batch", "levels"):
        table.add_column(title)
    for name, chosen in plans.configurations.items():
        spacing, patch = "×".join(f"{mm:.2f}" for mm in chosen.spacing), "×".join(map(str, chosen.patch))
        table.add_row(*text_cells(name, spacing, patch, str(chosen.batch), str(len(chosen.topology.strides))))
    show(table)


def _print_warnings(layout: Layout, plans: Plans) -> None:
    for entry in layout.left_out:
        warn(f"{entry.name} was left out: {entry.reason}.")
    for sentence, names in plans.fingerprint.warnings:
        others = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        warn(f"{', '.join(names[:_LISTED])}{others}: {sentence}")
