"""Commands on data sets: ``livertumorseg data``, ``preprocess``, ``export-slices`` and ``foreground-statistics``."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ...core.errors import UserError
from ...core.native_stderr import silence_libraries
from ...core.progress import Job, job
from .common_options import Force, InputOption, InputsOption, Series, Sources, one_path, some_paths, working
from .console import USER_ERROR, Damaged, Overwrite, bar, complain, interruptible, out, say, text_cells, warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...datasets.dump import LeftOut
    from ...datasets.layouts import ScanFiles
    from ...datasets.quality_check import QualityReport, RepeatedPatient, ScanReport, SetReport
    from ...datasets.splits import Round, Split
    from ...preprocessing import Chain, Slices
    from ...reporting.preprocessing_figure import Stage

app = typer.Typer(no_args_is_help=True, help="Check data sets and split their patients.")

Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", readable=False, help="LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures."),
]
Processes = Annotated[int | None, typer.Option(min=1, help="Scans at once.", show_default="the machine's cores")]

_LISTED = 8
_DUPLICATES = {
    "same content": "One patient and CT",
    "different content": "One number, but different CTs",
    "same content under other names": "One CT under different numbers",
    "not compared": "One number, with CTs that could not be compared,",
}


@app.command("check")
@working
def check_data(
    folders: Folders,
    processes: Processes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Look at every scan: pairs, shapes, geometry, labels, damage, and patients that occur more than once."""
    found = _check_folders(folders, processes)
    if as_json:
        print(json.dumps(found.to_dict(), indent=2))  # noqa: T201
    else:
        for report in found.sets:
            _print_set(report)
    _print_warnings(found)
    if found.twins:
        warn("Keep those that are there twice on one side of a split, as livertumorseg data split does.")
    if found.failed:
        raise typer.Exit(USER_ERROR)


@app.command("split")
@working
def split_data(
    folders: Folders,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")],
    folds: Annotated[int | None, typer.Option(min=2, help="Folds for cross-validation.", show_default="none")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the patients to validate on.", show_default="none")
    ] = None,
    test: Annotated[float, typer.Option(help="Share of the patients to test on, with --validation.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed that decides between equal choices.")] = 0,
    processes: Processes = None,
    overwrite: Overwrite = False,
) -> None:
    """Split patients by tumour load; who is in several data sets, or twice in one, stays on one side."""
    from ...core.atomic_files import refuse_existing, refuse_unwritable
    from ...datasets import splits

    splits.check_choice(folds, validation, test)
    refuse_existing(output, overwrite=overwrite)
    refuse_unwritable(output)
    found = _check_folders(folders, processes)
    loads = found.loads
    split = splits.draw(loads, folds=folds, validation=validation, test=test, seed=seed, groups=found.persons)
    split.save(output, overwrite=overwrite)
    _print_split(split, loads)
    _print_warnings(found)
    say(f"Wrote {output}.")
    if found.failed:
        warn(f"Scans that cannot be read were left out of {output}: repair them, and split again.")
        raise typer.Exit(USER_ERROR)


def _check_folders(folders: list[Path], processes: int | None) -> QualityReport:
    from ...datasets import layouts
    from ...datasets.quality_check import check_data_sets

    found = [layouts.find(folder) for folder in folders]
    with interruptible() as cancel, bar() as progress:
        return check_data_sets(found, processes=processes or os.cpu_count() or 1, job=job(progress, cancel))


def _print_set(report: SetReport) -> None:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for title in ("scan", "voxels", "mm", "axes", "liver ml", "lesion ml", "lesions", "doubts"):
        table.add_column(title, overflow="fold")
    for scan in report.scans:
        table.add_row(*text_cells(*_row(scan)))
    out.print(table)
    layout, with_lesions = report.layout, sum(scan.lesions > 0 for scan in report.scans)
    say(
        f"{layout.folder} is {layout.title}: {len(report.scans)} scans read, {with_lesions} with lesions, "
        f"{len(report.failed)} not readable, {len(layout.left_out)} left out."
    )


def _row(scan: ScanReport) -> tuple[str, ...]:
    size, spacing = "×".join(map(str, scan.size)), "×".join(f"{mm:.2f}" for mm in scan.spacing_mm)
    found = f"{scan.liver_ml:.0f}", f"{scan.lesion_ml:.1f}", str(scan.lesions)
    return scan.name, size, spacing, scan.orientation, *found, str(len(scan.warnings) or "")


def _print_warnings(found: QualityReport) -> None:
    for report in found.sets:
        for entry in report.layout.left_out:
            warn(f"{entry.name} was left out: {entry.reason}.")
        scans: defaultdict[str, list[str]] = defaultdict(list)
        for scan in report.scans:
            for sentence in scan.warnings:
                scans[sentence].append(scan.name)
        for sentence, names in scans.items():
            warn(f"{_first_names(names)}: {sentence}")
        for name, sentence in report.failed.items():
            complain(f"{name}: {sentence}")
    _print_duplicates(found.twins)


def _print_duplicates(found: Iterable[RepeatedPatient]) -> None:
    places: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for pair in found:
        names = (pair.first.name, pair.second.name)
        both = names[0] if names[0] == names[1] else " = ".join(names)
        places[pair.verdict, pair.first.data, pair.second.data].append(both)
    for (verdict, first, second), listed in places.items():
        where = first if first == second else f"{first} and {second}"
        warn(f"{_DUPLICATES[verdict]} in {where}: {_first_names(listed)}.")


def _print_split(split: Split, loads: dict[str, float]) -> None:
    table = Table("", "patients", "with lesions", "lesions, ml")
    for title, names in _split_parts(split):
        own = [loads[name] for name in names]
        table.add_row(title, str(len(own)), str(sum(load > 0 for load in own)), f"{sum(own):.1f}")
    out.print(table)


def _split_parts(split: Split) -> list[tuple[str, tuple[str, ...]]]:
    if split.folds:
        return [(f"fold {number}", names) for number, names in enumerate(split.folds)]
    only: Round = split.rounds[0]
    return [(title, names) for title, names in only._asdict().items() if names]


def _first_names(names: list[str]) -> str:
    words = ", ".join(names[:_LISTED])
    return f"{words} and {len(names) - _LISTED} more" if len(names) > _LISTED else words


Labels = Annotated[
    list[Path] | None,
    typer.Option(help="Segmentation of a CT; once for each, in order.", show_default="found in the folder"),
]
ChainName = Annotated[
    str, typer.Option("--chain", help="Name of a preprocessing chain, or a JSON file that holds one.")
]


def preprocess(
    chain: ChainName,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[INPUT]",
            readable=False,
            help="NIfTI, NRRD, MetaImage, or a DICOM folder.",
            show_default="the chain is described",
        ),
    ] = None,
    *,
    input_: InputOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", "--output", "-o", help="PNG file to write; needs INPUT.", show_default="the chain is described"
        ),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--slice", min=1, help="Counted from the feet.", show_default="the one with most soft tissue"),
    ] = None,
    series: Series = None,
    damaged: Damaged = "as-is",
    augmentation: Annotated[
        str | None,
        typer.Option(help="Set of random changes to show samples of.", show_default="that of the chain's system"),
    ] = None,
    force: Force = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw what each step of a preprocessing chain makes of a slice, and what training may then see of it.

    Without INPUT, say what the paper has of the chain.
    """
    from ...core.atomic_files import refuse_existing, refuse_unwritable, whole_file
    from ...core.ct_quality import DamageTreatment
    from ...io import volumes
    from ...reporting import figures, preprocessing_figure

    if source is not None or input_ is not None:
        source = one_path(source, input_, name="INPUT", flag="--input")
    if source is None and save is None:
        _say_chain(chain)
        return
    if source is None or save is None:
        msg = "A picture needs both INPUT and --save: give both, or neither for a description of the chain."
        raise UserError(msg)
    if save.suffix.lower() != ".png":
        msg = f"{save} cannot be written, since the picture is a PNG file: end its name in .png."
        raise UserError(msg)
    refuse_existing(save, overwrite=overwrite)
    refuse_unwritable(save)
    steps, samples = _load_chain(chain), _augmented_samples(chain, augmentation)
    with silence_libraries():
        volume = volumes.read_volume(source, series=series, force=force, damaged=DamageTreatment.of(damaged))
    picture, shown = preprocessing_figure.draw_chain(volume, steps, number, Path(chain).stem, samples)
    with whole_file(save, overwrite=overwrite) as unfinished:
        figures.write_picture(unfinished, picture, "PNG")
    for warning in volume.warnings:
        warn(warning)
    say(f"Wrote {save}: slice {shown}, counted from the feet.")


def _say_chain(name: str) -> None:
    """Print a chain's steps, and of a published one what the paper says and what was chosen."""
    from ...preprocessing import description, named_chains
    from ...training.augmentation.published import describe_augmentation

    steps = _load_chain(name)
    entry = next((each for each in named_chains() if each.name == name), None)
    said = [*description.describe_origin(entry)] if entry else []
    made = [f"- {step}" for step in description.describe_steps(steps)]
    said += [("Steps", "\n".join(made)), ("Result", description.describe_values(steps)), *describe_augmentation(name)]
    for heading, words in said:
        say(f"{heading}:\n{words}\n")


_SAMPLES = 4


def _augmented_samples(chain: str, asked: str | None) -> Callable[[Slices], list[Stage]]:
    """Stages that show random samples of a preprocessed slice; none where there is no set to draw from."""
    from ...reporting.preprocessing_figure import Stage
    from ...training.augmentation import SETS, preview

    name = preview.set_for_chain(chain, asked)
    if name is None:
        return lambda _: []
    ranges, words = SETS[name], preview.describe_ranges(SETS[name])

    def stages(prepared: Slices) -> list[Stage]:
        made = preview.augment_preview(prepared, ranges, _SAMPLES)
        return [Stage(f"{name} augmented, sample {at}", words, sample) for at, sample in enumerate(made, 1)]

    return stages


def export_slices(
    sources: Sources = None,
    *,
    input_: InputsOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    chain: ChainName,
    labels: Labels = None,
    every: Annotated[int, typer.Option(min=1, help="Keep one slice in so many.")] = 2,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the JPG pictures.")] = 95,
    damaged: Annotated[
        str,
        typer.Option(
            help="What to do with slices that are NaN, hold one number, or repeat: as-is, interpolate or leave-out."
        ),
    ] = "as-is",
    series: Series = None,
    force: Force = False,
    overwrite: Overwrite = False,
) -> None:
    """Write preprocessed slices as JPG and their masks as PNG, to train on."""
    from ...core.atomic_files import refuse_folder
    from ...core.ct_quality import DamageTreatment
    from ...datasets.dump import CONTENTS
    from ...datasets.export import ExportOptions, export

    refuse_folder(output, overwrite=overwrite, holds=CONTENTS)
    options = ExportOptions(every, quality, DamageTreatment.of(damaged, whole=False), force, series)
    steps, (pairs, left_out) = _load_chain(chain), _find_pairs(some_paths(sources, input_), labels or [])
    with interruptible() as cancel, bar() as progress:
        done = export(
            pairs, output, steps, options, left_out=left_out, progress=progress, cancel=cancel, overwrite=overwrite
        )
    _warn_of_left_out(left_out)
    if not steps.fits_8_bits:
        warn("The chain spreads more than 512 HU over the 256 greys of a JPG: narrow its window, or end it with CLAHE.")
    for warning in (words for patient in done for words in patient.warnings):
        warn(warning)
    patients = f"{len(done)} patient{'' if len(done) == 1 else 's'}"
    say(f"Wrote {sum(len(patient.rows) for patient in done)} slices of {patients} to {output}.")


def foreground_statistics(
    sources: Sources = None,
    *,
    input_: InputsOption = None,
    labels: Labels = None,
    series: Series = None,
    force: Force = False,
) -> None:
    """Print the z_score step that normalises by the labelled voxels of a data set, to paste into a chain or recipe."""
    from ...preprocessing import ZScore
    from ...preprocessing import foreground_statistics as measure

    pairs, left_out = _find_pairs(some_paths(sources, input_), labels or [])
    with interruptible() as cancel, bar() as progress:
        found = measure(_labelled_voxels(pairs, job(progress, cancel), series, force=force))
    _warn_of_left_out(left_out)
    if found.low >= found.high:
        msg = f"The labelled voxels all hold {found.low:g} HU, which normalises nothing: choose other patients."
        raise UserError(msg)
    print(ZScore(over="foreground", **asdict(found)).model_dump_json())  # noqa: T201


def _labelled_voxels(
    pairs: list[ScanFiles], task: Job, series: str | None, *, force: bool
) -> Iterator[tuple[NDArray[np.int16], NDArray[np.uint8]]]:
    from ...datasets.scans import read_labels
    from ...io import volumes

    for at, pair in enumerate(pairs):
        task.at(at / len(pairs), f"Reading {pair.patient}")
        volume = volumes.read_volume(pair.ct, series=series, force=force)
        labels, doubt = read_labels(pair.labels, volume)
        for warning in (*volume.warnings, *([doubt] if doubt else [])):
            warn(f"{pair.patient}: {warning}")
        yield volume.voxels, labels


def _warn_of_left_out(left_out: tuple[LeftOut, ...]) -> None:
    for entry in left_out:
        warn(f"{entry.name} was left out: {entry.reason}.")


def _find_pairs(sources: list[Path], labels: list[Path]) -> tuple[list[ScanFiles], tuple[LeftOut, ...]]:
    from ...datasets import layouts

    if not labels and len(sources) == 1 and sources[0].is_dir():
        return layouts.pair_in_folder(sources[0])
    if not labels and sources and not sources[0].exists():
        msg = f"{sources[0]} does not exist: check the name."
        raise UserError(msg)
    return layouts.pair_in_order(sources, labels), ()


def _load_chain(text: str) -> Chain:
    from ...core import text_files
    from ...preprocessing import Chain, named, named_chains

    path = Path(text)
    published = {entry.name for entry in named_chains()}
    if path.is_dir() and text not in published:
        msg = f"{path} is a folder: give the JSON file of a preprocessing chain, or the name of one."
        raise UserError(msg)
    if path.suffix.lower() != ".json":
        return named(text)
    try:
        return Chain.from_json(text_files.read_text(path), f"The preprocessing chain {path}")
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
        msg = f"{path} {reason}: give the JSON file of a preprocessing chain, or the name of one."
        raise UserError(msg) from error
