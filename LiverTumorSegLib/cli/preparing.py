"""``livertumorseg preprocess``, ``export-slices`` and ``foreground-statistics``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from ..progress import Job, job
from ..quiet import quiet_libraries
from .console import Damaged, Overwrite, bar, interruptible, say, warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..datasets.dump import LeftOut
    from ..datasets.pairs import Pair
    from ..preprocessing import Chain

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="CT...", readable=False, help="CTs, or one folder of volume-N.nii with segmentation-N.nii."),
]
Labels = Annotated[list[Path] | None, typer.Option(help="Segmentation of a CT; once for each, in order.")]
ChainName = Annotated[
    str, typer.Option("--chain", help="Name of a preprocessing chain, or a JSON file that holds one.")
]
Series = Annotated[str | None, typer.Option(help="UID of the DICOM series, or its end.")]
Force = Annotated[bool, typer.Option("--force", help="Take it though it does not look like a CT.")]


def preprocess(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", readable=False, help="NIfTI, NRRD, MetaImage, or a DICOM folder.")
    ],
    chain: ChainName,
    save: Annotated[Path, typer.Option("--save", help="PNG file to write.")],
    number: Annotated[
        int | None, typer.Option("--slice", min=1, help="Counted from the feet; else the one with most soft tissue.")
    ] = None,
    series: Series = None,
    damaged: Damaged = "as-is",
    force: Force = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw what each step of a preprocessing chain makes of a slice."""
    from .. import files, picture_file, preprocessing_picture
    from ..damaged import Treatment
    from ..whole_files import refuse_existing, refuse_unwritable, whole_file

    if save.suffix.lower() != ".png":
        msg = f"{save} is no name for the picture: end it in .png."
        raise UserError(msg)
    refuse_existing(save, overwrite=overwrite)
    refuse_unwritable(save)
    steps = _chain(chain)
    with quiet_libraries():
        volume = files.read_volume(source, series=series, force=force, damaged=Treatment.of(damaged))
    picture, shown = preprocessing_picture.draw(volume, steps, number, Path(chain).stem)
    with whole_file(save, overwrite=overwrite) as unfinished:
        picture_file.write(unfinished, picture, "PNG")
    for warning in volume.warnings:
        warn(warning)
    say(f"Wrote {save}: slice {shown}, counted from the feet.")


def export_slices(
    sources: Sources,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    chain: ChainName,
    labels: Labels = None,
    every: Annotated[int, typer.Option(min=1, help="Keep one slice of so many.")] = 2,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of the JPG pictures.")] = 95,
    damaged: Annotated[
        str, typer.Option(help="as-is, interpolate or leave-out: slices that are NaN, hold one number, or repeat.")
    ] = "as-is",
    series: Series = None,
    force: Force = False,
    overwrite: Overwrite = False,
) -> None:
    """Write preprocessed slices as JPG and their masks as PNG, to train on."""
    from ..damaged import Treatment
    from ..datasets.dump import CONTENTS
    from ..datasets.export import Options, export
    from ..whole_files import refuse_folder

    refuse_folder(output, overwrite=overwrite, holds=CONTENTS)
    options = Options(every, quality, Treatment.of(damaged, whole=False), force, series)
    steps, (pairs, left_out) = _chain(chain), _pairs(sources, labels or [])
    with interruptible() as cancel, bar() as progress:
        done = export(
            pairs, output, steps, options, left_out=left_out, progress=progress, cancel=cancel, overwrite=overwrite
        )
    _warn_of(left_out)
    if not steps.fits_8_bits:
        warn("The chain spreads more than 512 HU over the 256 greys of a JPG: narrow its window, or end it with CLAHE.")
    for warning in (words for patient in done for words in patient.warnings):
        warn(warning)
    say(f"Wrote {sum(len(patient.rows) for patient in done)} slices of {len(done)} patients to {output}.")


def foreground_statistics(sources: Sources, labels: Labels = None, series: Series = None, force: Force = False) -> None:
    """Print the z_score step that normalises by the labelled voxels of a data set, to paste into a chain or recipe."""
    from .. import preprocessing

    pairs, left_out = _pairs(sources, labels or [])
    with interruptible() as cancel, bar() as progress:
        found = preprocessing.foreground_statistics(_labelled(pairs, job(progress, cancel), series, force=force))
    _warn_of(left_out)
    if found.low >= found.high:
        msg = f"The labelled voxels all hold {found.low:g} HU, which normalises nothing: choose other patients."
        raise UserError(msg)
    print(preprocessing.ZScore(over="foreground", **asdict(found)).model_dump_json())  # noqa: T201


def _labelled(
    pairs: list[Pair], task: Job, series: str | None, *, force: bool
) -> Iterator[tuple[NDArray[np.int16], NDArray[np.uint8]]]:
    from .. import files
    from ..datasets.labels import read_labels

    for at, pair in enumerate(pairs):
        task.at(at / len(pairs), f"Reading {pair.patient}")
        volume = files.read_volume(pair.ct, series=series, force=force)
        labels, doubt = read_labels(pair.labels, volume)
        for warning in (*volume.warnings, *([doubt] if doubt else [])):
            warn(f"{pair.patient}: {warning}")
        yield volume.voxels, labels


def _warn_of(left_out: tuple[LeftOut, ...]) -> None:
    for entry in left_out:
        warn(f"{entry.name} was left out: {entry.reason}.")


def _pairs(sources: list[Path], labels: list[Path]) -> tuple[list[Pair], tuple[LeftOut, ...]]:
    from ..datasets import pairs

    if not labels and len(sources) == 1 and sources[0].is_dir():
        return pairs.in_folder(sources[0])
    return pairs.listed(sources, labels), ()


def _chain(text: str) -> Chain:
    from .. import preprocessing, text_file

    path = Path(text)
    published = {entry.name for entry in preprocessing.named_chains()}
    if path.is_dir() and text not in published:
        msg = f"{path} is a folder: give the JSON file of a preprocessing chain, or the name of one."
        raise UserError(msg)
    if path.suffix.lower() != ".json":
        return preprocessing.named(text)
    try:
        return preprocessing.Chain.from_json(text_file.read(path), f"The preprocessing chain {path}")
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
        msg = f"{path} {reason}: give the JSON file of a preprocessing chain, or the name of one."
        raise UserError(msg) from error
