"""What commands take from messages and files, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION_LABEL
from ...core.volume import Volume
from ...inference.segment import OtherStructures, Segmentation, SegmentationOptions
from ...models.description import Description
from ...models.model_folder import Model
from ...pipeline import SegmentationResult
from ...postprocessing.lesion_choice import LesionChoice
from ...postprocessing.settings import Postprocessing
from ...reporting import lesions
from ...reporting.lesions import LesionTable
from . import arrays
from .measures import read_choice

Answer = dict[str, Any]


@dataclass(frozen=True)
class LabelHandover:
    """Labels handed to the client, with a value a lesion, in a file that it has named."""

    path: Path
    stage: ClassVar[str] = "Handing over"

    def files(self, marks: Sequence[str]) -> list[Path]:  # noqa: ARG002
        """The client's file."""
        return [self.path]

    def check(self, marks: Sequence[str], source: Path | None) -> None:
        """Take the client's name."""

    def check_volume(self, volume: Volume) -> None:
        """Take any CT: the file holds every grid."""

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:  # noqa: ARG002
        """Write it."""
        arrays.write(self.path, lesions.number_lesions(found.labels, found.volume), found.volume.affine)
        return ()


def result_answer(result: SegmentationResult) -> Answer:
    """Measures of a segmentation, how it was made, and what is doubtful."""
    found = result.segmentation
    run = {
        "model": found.model.name,
        "labels": list(found.marks),
        "liver_model": found.liver_model.name if found.liver_model else "",
        "device": found.device,
        "notes": list(found.notes),
        "label_warnings": list(result.lesions.warnings),
        "region": found.region,
        "seconds": found.seconds,
        "options": plain_options(found.options),
    }
    return {"table": result.lesions.to_dict(), "run": run, "warnings": list(result.warnings)}


def options_of(loaded: Model, wanted: Answer) -> SegmentationOptions:
    """Options from a message; what its postprocessing leaves out is the model's own."""
    cleaning = loaded.description.postprocessing.model_dump() | wanted.get("postprocessing", {})
    return SegmentationOptions(
        coarse_pass=wanted.get("coarse_pass", True),
        batch=wanted.get("batch") or None,
        postprocessing=Postprocessing.model_validate(cleaning),
        precision=wanted.get("precision", "auto"),
    )


def corrected(
    ct: Volume,
    labels: NDArray[np.uint8],
    model: Description,
    run: Answer,
    candidates: str,
    warnings: Sequence[str],
    liver: Description | None = None,
    others: tuple[OtherStructures, ...] = (),
) -> Segmentation:
    """Corrected labels as the segmentation that they come from, by what segmenting answered and told of the CT."""
    options, cleaning = dict(run["options"]), run["options"]["postprocessing"]
    options["postprocessing"] = Postprocessing.model_validate(cleaning) if cleaning else None
    notes = tuple(run["notes"])
    return Segmentation(
        labels,
        replace(ct, warnings=tuple(sentence for sentence in warnings if sentence not in notes)),
        model,
        run["device"],
        SegmentationOptions(**options),
        notes,
        float(run["seconds"]),
        choice=read_choice(candidates, labels.shape),
        region=run.get("region", False),
        liver_model=liver,
        others=others,
    )


def plain_options(options: SegmentationOptions) -> Answer:
    """Options ready for JSON."""
    cleaning = options.postprocessing
    return asdict(options) | {"postprocessing": cleaning.model_dump() if cleaning else None}


def read_ct(path: str) -> Volume:
    """A CT as the client handed it over, int16 in HU; the client has inspected it."""
    return Volume(*arrays.read(Path(path)))


def read_pair(volume: str, labels: str) -> tuple[Volume, NDArray[np.uint8]]:
    """A CT and labels 0, 1 and 2 on its grid; any larger value is a lesion."""
    ct, numbered = read_numbered(volume, labels)
    return ct, lesions_alike(numbered)


def read_numbered(volume: str, labels: str) -> tuple[Volume, NDArray[np.unsignedinteger]]:
    """A CT and labels on its grid, as they are in the file."""
    ct = read_ct(volume)
    numbered, _ = arrays.read(Path(labels))
    if numbered.shape != ct.voxels.shape:
        msg = f"{labels} is not on the grid of {volume}: segment it again."
        raise UserError(msg)
    return ct, numbered


def lesions_alike(numbered: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """Labels 0, 1 and 2 of those that have a value a lesion."""
    return numbered.clip(0, LESION_LABEL).astype(np.uint8)


def choose_candidates(
    candidates: str, labels: NDArray[np.uint8], painted: NDArray[np.bool_], run: Answer, sensitivity: float
) -> tuple[LesionChoice, Answer]:
    """Choose other candidates in place; what may be chosen again, and the run as it would have been."""
    cleaning = run["options"]["postprocessing"]
    kept = LesionChoice.from_text(candidates, labels.shape).inside(~painted)
    choice = kept.unpainted(labels, cleaning["sensitivity"])
    choice.choose(labels, sensitivity)
    return choice, run | {"options": run["options"] | {"postprocessing": cleaning | {"sensitivity": sensitivity}}}
