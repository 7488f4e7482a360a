"""The worker's commands on DICOM objects: to write those of a result, and to open those of an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import UserError
from ...core.optional_packages import require_dicom_packages
from ...core.progress import Job
from ...inference.segment import Segmentation, SegmentationOptions
from ...io.dicom_header import read_dicom_file
from ...models import model_folder, store
from ...models.description import JOINT, Description
from ...pipeline import measure_and_write
from ...reporting import lesions
from ...reporting.lesion_notes import read_notes
from ...reporting.lesion_numbers import read_numbers
from ...reporting.lesion_origins import read_marks
from ...reporting.marked_lesions import tell_origins
from ...reporting.outputs import DicomObjects
from . import arrays
from .exchange import Answer, plain_options, read_ct, read_pair
from .measures import measured_answer
from .other_structures import ClientLayers
from .source_series import with_images

if TYPE_CHECKING:
    from ...reporting.dicom_read import OpenedObjects

_BEHIND_SERIES = 0x0020_000F
"""Tag of DICOM behind the UIDs of study and series."""


class ObjectCommands:
    """The commands.

    Args:
        base: folder that relative paths start from.
        corrected: makes labels the segmentation that they come from, of a CT, labels, the run, candidates, warnings
            and other structures.
    """

    def __init__(self, base: Path, corrected: Callable[..., Segmentation]) -> None:
        self._base, self._corrected = base, corrected

    def write(
        self,
        job: Job,
        *,
        volume: str,
        labels: str,
        images: list[str],
        run: Answer,
        folder: str,
        overwrite: bool = False,
        repeatable: bool = False,
        corrected: bool = False,
        predecessor: dict[str, str] | None = None,
        candidates: str = "",
        warnings: Sequence[str] = (),
        notes: Sequence[Any] = (),
        marks: Sequence[Any] | None = None,
        numbers: str = "",
        others: str = "",
        structures: Sequence[Answer] = (),
    ) -> Answer:
        """Write DICOM objects of the series of these images, which the volume was loaded from, into a folder.

        ``warnings``, ``notes``, ``marks``, ``numbers`` and other structures are given as to ``report``. With
        ``repeatable``, of labels that nobody ``corrected``, the objects have the UIDs that ``segment_series`` gives
        them. ``predecessor`` are the UIDs of the report before the correction, as the answer to an earlier question
        names the one that it wrote as ``report``.
        """
        noted, known = read_notes(notes), read_marks(marks)
        target = DicomObjects(self._base / folder, overwrite=overwrite, repeatable=repeatable)
        target.check(run.get("labels", JOINT), None)  # that the packages are there, which the next line needs
        from ...reporting.dicom_revision import DocumentReference, Revision

        target = replace(target, revision=Revision(corrected, DocumentReference.read(predecessor)))
        job.at(0.1, "Writing DICOM objects")
        ct, found = read_pair(volume, labels)
        ct = with_images(ct, [self._base / image for image in images])
        target.check_volume(ct)
        done = self._corrected(ct, found, run, candidates, warnings, ClientLayers(others, structures, found.shape))
        kept = read_numbers(numbers, found.shape)
        result = measure_and_write(done, [target], notes=noted, marks=known, numbers=kept)
        made = DocumentReference.of(read_dicom_file(result.files[-1], _BEHIND_SERIES)).to_dict()
        return {"files": [str(path) for path in result.files], "remarks": list(result.remarks), "report": made}

    def open(self, job: Job, *, volume: str, labels: str, segmentation: str, reports: Sequence[str] = ()) -> Answer:
        """Open the DICOM objects of an earlier result on its CT; ``labels`` gets what segmenting would write there.

        ``reports`` are those of the study, of which the one about the segmentation tells how lesions came about. The
        answer is that of measuring, and has the UIDs of the ``report``, where there is one, and whether the result was
        ``corrected``.
        """
        job.at(0, "Opening the result")
        require_dicom_packages()
        from ...reporting.dicom_read import read_objects

        ct = read_ct(volume)
        found = read_objects(self._base / segmentation, [self._base / report for report in reports], ct)
        run = _run_of(found)
        job.at(0.5, "Measuring lesions")
        table = lesions.measure_lesions(found.labels, ct, run["labels"])
        numbered = lesions.number_lesions(found.labels, ct)
        arrays.write(Path(labels), numbered, ct.affine)
        marks = found.marks(numbered, table.lesions)
        if marks is not None:
            table, marks = tell_origins(table, marks, numbered, ct)
        report = found.report.to_dict() if found.report else None
        return measured_answer(table, run, marks) | {"report": report, "corrected": found.corrected}


def _run_of(found: OpenedObjects) -> Answer:
    """What segmenting would have answered, as far as the objects say it.

    Raises:
        UserError: a model of theirs is not here.
    """
    name, main = _model_of(found.model, found.serial)
    liver = ""
    if found.liver_sha256 and found.liver_sha256 != main.weights.sha256:
        liver, _ = _model_of("", found.liver_sha256)
    options = SegmentationOptions(postprocessing=None if main.clicks else main.postprocessing)
    marked = {"liver", *main.labels} if liver or (found.labels == 1).any() else main.labels
    return {
        "model": name,
        "labels": [each for each in JOINT if each in marked or each == "background"],
        "liver_model": liver,
        "device": "",
        "notes": ["This result was opened from its DICOM objects.", *found.remarks],
        "label_warnings": [],
        "region": False,
        "seconds": 0.0,
        "options": plain_options(options),
    }


def _model_of(name: str, serial: str) -> tuple[str, Description]:
    """A model that is here, by its name, where one is given, and the beginning of its weights' checksum."""
    for known, folder in store.available_models().items():
        description = _description(folder)
        if description and serial and description.weights.sha256.startswith(serial) and name in ("", description.name):
            return known, description
    named = f"“{name}” " if name else ""
    msg = f"The model {named}({serial[:16]}) that made the result is not here: import it, then open the result again."
    raise UserError(msg)


def _description(folder: Path) -> Description | None:
    """None for a model that is not valid, which has made no result."""
    try:
        return model_folder.read_description(folder)
    except UserError:
        return None
