"""``livertumorseg preprocess`` and ``livertumorseg export-slices``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from .console import Damaged, Overwrite, bar, interruptible, quiet_libraries, say, warn

if TYPE_CHECKING:
    from ..datasets.dump import LeftOut
    from ..datasets.pairs import Pair
    from ..preprocessing import Chain

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
    from .. import files, preprocessing_picture
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
        picture.save(unfinished, "PNG")
    for warning in volume.warnings:
        warn(warning)
    say(f"Wrote {save}: slice {shown}, counted from the feet.")


def export_slices(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="CT...", readable=False, help="CTs, or one folder of volume-N.nii with segmentation-N.nii."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    chain: ChainName,
    labels: Annotated[list[Path] | None, typer.Option(help="Segmentation of a CT; once for each, in order.")] = None,
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
    options = Options(every, quality, Treatment.of(damaged), force, series)
    steps, (pairs, left_out) = _chain(chain), _pairs(sources, labels or [])
    with interruptible() as cancel, bar() as progress:
        done = export(
            pairs, output, steps, options, left_out=left_out, progress=progress, cancel=cancel, overwrite=overwrite
        )
    for entry in left_out:
        warn(f"{entry.name} was left out: {entry.reason}.")
    for warning in (words for patient in done for words in patient.warnings):
        warn(warning)
    say(f"Wrote {sum(len(patient.rows) for patient in done)} slices of {len(done)} patients to {output}.")


def _pairs(sources: list[Path], labels: list[Path]) -> tuple[list[Pair], tuple[LeftOut, ...]]:
    from ..datasets import pairs

    if not labels and len(sources) == 1 and sources[0].is_dir():
        return pairs.in_folder(sources[0])
    return pairs.listed(sources, labels), ()


def _chain(text: str) -> Chain:
    from .. import preprocessing

    path = Path(text)
    if path.suffix.lower() != ".json":
        return preprocessing.named(text)
    try:
        return preprocessing.Chain.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: give the JSON file of a preprocessing chain, or the name of one."
        raise UserError(msg) from error
