"""Commands that a worker can be asked for; every answer is ready for JSON, volumes are NRRD files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core import device
from ...core.device import choose_device
from ...core.errors import UserError
from ...core.labels import LESION_LABEL
from ...core.progress import Job
from ...core.volume import Volume
from ...inference.preview import preprocess_volume
from ...inference.segment import Segmentation, SegmentationOptions
from ...models import store
from ...models.description import JOINT, Description
from ...models.download import download_model
from ...models.model_folder import Model
from ...pipeline import CTFile, SegmentationResult, measure_and_write
from ...pipeline import run as segment_and_write
from ...postprocessing.cleaning import remove_lesion
from ...postprocessing.lesion_choice import LesionChoice
from ...postprocessing.settings import Postprocessing
from ...reporting import lesions
from ...reporting.lesion_notes import place_notes, read_notes
from ...reporting.lesion_origins import LesionMark, read_marks
from ...reporting.lesions import LesionTable
from ...reporting.marked_lesions import marks_after_choice, tell_origins
from ...reporting.outputs import DicomObjects, LabelFile, Output, ReportFolder, WholeFolder
from ..cohort import cases
from . import arrays, click_commands
from .click_commands import ClickCommands
from .known_models import LastModel, model_card
from .protocol import PAINTED
from .source_series import with_images

Answer = dict[str, Any]


class Commands:
    """The commands by name, with what is kept from one to the next: the last model, and what was clicked into.

    Args:
        base: folder that relative paths start from, the client's: a worker's own working folder is its alone.
    """

    def __init__(self, base: Path = Path()) -> None:
        self._base = base
        self._model = LastModel(base).load
        clicks = ClickCommands(LastModel(base).load)  # of their own, since both are in use together
        self._known: dict[str, Callable[..., Answer]] = {
            "segment": self.segment,
            "segment_file": self.segment_file,
            "segment_series": self.segment_series,
            "load_model": self.load_model,
            "click": clicks.click,
            "prepare_clicks": clicks.prepare,
            "preview": self.preview,
            "measure": self.measure,
            "report": self.report,
            "write_objects": self.write_objects,
            "find_cases": self.find_cases,
            "models": self.models,
            "devices": self.devices,
            "import_model": self.import_model,
            "download_model": self.download_model,
            "remove_model": self.remove_model,
        }

    def run(self, name: str, arguments: dict[str, Any], job: Job) -> Answer:
        """Run a command.

        Raises:
            UserError: there is no such command, or it says so.
            Cancelled: the job's token was used.
        """
        if name not in self._known:
            msg = f"There is no command “{name}”: give one of {', '.join(self._known)}."
            raise UserError(msg)
        return self._known[name](job, **arguments)

    def segment(
        self,
        job: Job,
        *,
        volume: str,
        labels: str,
        model: str,
        device: str,
        options: Answer,
        inside: str = "",
        automatic: str = "",
    ) -> Answer:
        """Segment; ``labels`` gets 0 background, 1 liver and 1 + n for lesion n, where ``inside`` is not 0.

        The file ``automatic`` gets how likely lesion is, for clicks, in a box whose first voxel the answer has as
        ``automatic_at``; neither is there where that is not known.
        ``marks`` of the answer are what marked the lesions, a model: :meth:`measure` takes them.
        """
        job.at(0.01, "Reading the volume")
        ct, loaded = _volume(volume), self._model(model)
        region = arrays.read(Path(inside))[0] > 0 if inside else None
        target, chosen = _Handover(Path(labels)), _options(loaded, options)
        done = segment_and_write(ct, loaded, [target], device=device, options=chosen, inside=region, job=job)
        choice = done.segmentation.choice
        text = choice.to_text() if choice else ""
        answer = _answer(done) | {"candidates": text, "marks": done.marks}
        if automatic and (likely := done.segmentation.confidence) is not None:
            answer |= click_commands.write_automatic(Path(automatic), likely, ct)
        answer["run"]["points"] = [point.model_dump() for point in choice.points] if choice and text else []
        return answer

    def segment_file(
        self,
        job: Job,
        *,
        source: str,
        output: str,
        model: str,
        device: str,
        options: Answer,
        overwrite: bool = False,
        series: str | None = None,
    ) -> Answer:
        """Segment a file or DICOM folder, or a series of it, into a file of any format that labels are written in."""
        job.at(0, "Loading the model")
        ct, loaded = CTFile(self._base / source, series), self._model(model)
        target = LabelFile(self._base / output, overwrite)
        done = segment_and_write(ct, loaded, [target], device=device, options=_options(loaded, options), job=job)
        return _answer(done)

    def segment_series(
        self,
        job: Job,
        *,
        source: str,
        folder: str,
        model: str,
        device: str,
        options: Answer,
        made: str,
        lesion_segments: str,
    ) -> Answer:
        """Segment a DICOM folder into a folder of DICOM objects and report files, which appears whole.

        One that is there is replaced by what the same arguments always give; ``made`` is in ISO 8601, with a time zone.
        The objects have the same UIDs whenever, and by whom, they are made, so that an archive holds them once.
        """

        def inside(place: Path) -> tuple[Output, ...]:
            at = datetime.fromisoformat(made)
            objects = DicomObjects(place, lesion_segments, overwrite=True, made=at, repeatable=True)
            return objects, ReportFolder(place, overwrite=True)

        job.at(0, "Loading the model")
        ct, loaded = CTFile(self._base / source), self._model(model)
        target = WholeFolder(self._base / folder, inside)
        done = segment_and_write(ct, loaded, [target], device=device, options=_options(loaded, options), job=job)
        return _answer(done) | {"files": [str(path) for path in done.files]}

    def load_model(self, job: Job, *, model: str, device: str) -> Answer:
        """Check a model and a device before there is work for them; the model is kept for the next command."""
        job.at(0, "Loading the model")
        description = self._model(model).description
        return {"name": description.name, "device": str(choose_device(device))}

    def measure(
        self,
        job: Job,
        *,
        volume: str,
        labels: str,
        run: Answer | None = None,
        candidates: str = "",
        sensitivity: float | None = None,
        without: Sequence[Sequence[int]] = (),
        notes: Sequence[Any] = (),
        marks: Sequence[Any] | None = None,
    ) -> Answer:
        """Measure labels again, after they were corrected; lesions are numbered anew in the file.

        ``run`` and ``candidates`` are what segmenting answered; without the former, or from before it named the model's
        labels, liver and lesions are taken to be marked. With ``sensitivity`` other candidates are lesions first, but
        for what was painted, and where labels are :data:`PAINTED`; ``candidates`` comes back without those voxels.
        The lesions at the voxels ``without``, each ``[i, j, k]``, are taken away first.
        ``warnings`` are the doubts about these labels, which take the place of ``run["label_warnings"]``. ``notes`` are
        pairs of a lesion's ``inside_voxel`` as it was measured before and a text; each comes back as its lesion's
        ``note``, if that is still there.
        ``marks`` are those that segmenting or measuring answered, with those that a client added after clicks, each
        ``[[i, j, k], clicks, voxels]``: each lesion's ``origin`` follows from them, and one without any was painted.
        They come back as they are now; without them nothing is known, and ``origin`` and ``marks`` are None.
        """
        noted, known = read_notes(notes), read_marks(marks)
        job.at(0, "Measuring lesions")
        ct, numbered = _numbered(volume, labels)
        found = _lesions_alike(numbered)
        chosen = known is not None and (bool(without) or sensitivity is not None)
        before = lesions.number_lesions(found.copy(), ct) if chosen else found
        for i, j, k in without:
            remove_lesion(found, (k, j, i))
        if sensitivity is None or not run:
            choice = _choice(candidates, found.shape)
        else:
            choice, run = _choose(candidates, found, numbered == PAINTED, run, sensitivity)
            candidates = choice.to_text()
        levels = choice.spread() if choice else None
        how = run or {}
        region = how.get("region", False)
        table = lesions.measure_lesions(found, ct, how.get("labels", JOINT), levels, region=region)
        own = lesions.number_lesions(found, ct)
        arrays.write(Path(labels), own, ct.affine)
        table = table.with_notes(place_notes(noted, own, ct))
        if known is not None:
            if chosen:
                known = marks_after_choice(known, before, own, ct, table, removed=without)
            table, known = tell_origins(table, known, own, ct, _by_model(choice, how))
        return _measured(table, run, known) | {"candidates": candidates}

    def report(
        self,
        job: Job,
        *,
        volume: str,
        labels: str,
        run: Answer,
        folder: str,
        overwrite: bool,
        candidates: str = "",
        warnings: Sequence[str] = (),
        notes: Sequence[Any] = (),
        marks: Sequence[Any] | None = None,
    ) -> Answer:
        """Write the report's files into a folder.

        ``warnings`` are what was told of the CT; the report has them beside the run's notes and the doubts about these
        labels, which are answered as by :meth:`measure`; ``notes`` and ``marks`` are given as there.
        """
        noted, known = read_notes(notes), read_marks(marks)
        description = self._model(run["model"]).description
        target = ReportFolder(self._base / folder, overwrite)
        target.check(description, None)
        job.at(0.1, "Writing the report")
        done = _found(*_pair(volume, labels), description, run, candidates, warnings)
        result = measure_and_write(done, [target], notes=noted, marks=known)
        return _measured(result.lesions, run, result.marks) | {"files": [str(path) for path in result.files]}

    def write_objects(
        self,
        job: Job,
        *,
        volume: str,
        labels: str,
        images: list[str],
        run: Answer,
        folder: str,
        overwrite: bool = False,
        candidates: str = "",
        warnings: Sequence[str] = (),
        notes: Sequence[Any] = (),
        marks: Sequence[Any] | None = None,
    ) -> Answer:
        """Write DICOM objects of the series of these images, which the volume was loaded from, into a folder.

        ``warnings``, ``notes`` and ``marks`` are given as to :meth:`report`.
        """
        noted, known = read_notes(notes), read_marks(marks)
        description = self._model(run["model"]).description
        target = DicomObjects(self._base / folder, overwrite=overwrite)
        target.check(description, None)
        job.at(0.1, "Writing DICOM objects")
        ct, found = _pair(volume, labels)
        ct = with_images(ct, [self._base / image for image in images])
        target.check_volume(ct)
        done = _found(ct, found, description, run, candidates, warnings)
        result = measure_and_write(done, [target], notes=noted, marks=known)
        return {"files": [str(path) for path in result.files], "remarks": list(result.remarks)}

    def find_cases(self, job: Job, *, folder: str, without: str) -> Answer:
        """Every CT in a folder and those in it, but for one folder, such as that of the outputs."""
        job.at(0, "Looking for CTs")
        found = cases.find(self._base / folder, [self._base / without], job.cancel)
        listed = [{"name": case.name, "path": str(case.path), "series": case.series} for case in found.cases]
        return {"cases": listed, "remarks": list(found.remarks)}

    def preview(self, job: Job, *, volume: str, image: str, model: str) -> Answer:
        """Write the volume as the network would see it."""
        ct, description = _volume(volume), self._model(model).description
        arrays.write(Path(image), *preprocess_volume(ct, description, job.at, job.cancel))
        return {"steps": [step.step for step in description.preprocessing.root]}

    def models(self, job: Job) -> Answer:
        """Every model with its card, the default first; what is wrong with those that are not valid."""
        job.at(0, "Looking for models")
        return {"models": [model_card(name, folder) for name, folder in store.available_models().items()]}

    def devices(self, job: Job) -> Answer:
        """Every device, the best first, and why ``auto`` takes the CPU where it does."""
        job.at(0, "Looking for GPUs")
        return {
            "devices": [asdict(found) for found in device.list_devices()],
            "why_no_gpu": device.describe_missing_gpu(),
        }

    def import_model(self, job: Job, *, folder: str, overwrite: bool = False) -> Answer:
        """Check a model folder and keep it."""
        job.at(0, "Checking the model")
        return {"name": store.import_model(self._base / folder, overwrite=overwrite)}

    def download_model(self, job: Job, *, url: str, sha256: str, overwrite: bool = False) -> Answer:
        """Download, check and keep a model."""
        return {"name": download_model(url, sha256, job.at, job.cancel, overwrite=overwrite)}

    def remove_model(self, job: Job, *, name: str) -> Answer:
        """Delete an imported model."""
        job.at(0, "Removing the model")
        store.remove_model(name)
        return {"name": name}


@dataclass(frozen=True)
class _Handover:
    """Labels handed to the client, with a value a lesion, in a file that it has named."""

    path: Path
    stage: ClassVar[str] = "Handing over"

    def files(self, model: Description) -> list[Path]:  # noqa: ARG002
        return [self.path]

    def check(self, model: Description, source: Path | None) -> None:
        """Take the client's name."""

    def check_volume(self, volume: Volume) -> None:
        """Take any CT: the file holds every grid."""

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:  # noqa: ARG002
        arrays.write(self.path, lesions.number_lesions(found.labels, found.volume), found.volume.affine)
        return ()


def _answer(result: SegmentationResult) -> Answer:
    found = result.segmentation
    run = {
        "model": found.model.name,
        "labels": list(found.model.labels),
        "device": found.device,
        "notes": list(found.notes),
        "label_warnings": list(result.lesions.warnings),
        "region": found.region,
        "seconds": found.seconds,
        "options": _plain(found.options),
    }
    return {"table": result.lesions.to_dict(), "run": run, "warnings": list(result.warnings)}


def _measured(table: LesionTable, run: Answer | None, marks: Sequence[LesionMark] | None) -> Answer:
    """Measures and marks of labels, the doubts about these, and the run with them in place of those about earlier."""
    doubts = list(table.warnings)
    changed = run and run | {"label_warnings": doubts}
    return {"table": table.to_dict(), "warnings": doubts, "run": changed, "marks": marks}


def _options(loaded: Model, wanted: Answer) -> SegmentationOptions:
    """Options from a message; what its postprocessing leaves out is the model's own."""
    cleaning = loaded.description.postprocessing.model_dump() | wanted.get("postprocessing", {})
    return SegmentationOptions(
        coarse_pass=wanted.get("coarse_pass", True),
        batch=wanted.get("batch") or None,
        postprocessing=Postprocessing.model_validate(cleaning),
        precision=wanted.get("precision", "auto"),
    )


def _found(
    ct: Volume,
    labels: NDArray[np.uint8],
    model: Description,
    run: Answer,
    candidates: str,
    warnings: Sequence[str],
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
        choice=_choice(candidates, labels.shape),
        region=run.get("region", False),
    )


def _plain(options: SegmentationOptions) -> Answer:
    cleaning = options.postprocessing
    return asdict(options) | {"postprocessing": cleaning.model_dump() if cleaning else None}


def _volume(path: str) -> Volume:
    """A CT as the client handed it over, int16 in HU; the client has inspected it."""
    return Volume(*arrays.read(Path(path)))


def _pair(volume: str, labels: str) -> tuple[Volume, NDArray[np.uint8]]:
    """A CT and labels 0, 1 and 2 on its grid; any larger value is a lesion."""
    ct, numbered = _numbered(volume, labels)
    return ct, _lesions_alike(numbered)


def _numbered(volume: str, labels: str) -> tuple[Volume, NDArray[np.unsignedinteger]]:
    """A CT and labels on its grid, as they are in the file."""
    ct = _volume(volume)
    numbered, _ = arrays.read(Path(labels))
    if numbered.shape != ct.voxels.shape:
        msg = f"{labels} is not on the grid of {volume}: segment it again."
        raise UserError(msg)
    return ct, numbered


def _lesions_alike(numbered: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    return numbered.clip(0, LESION_LABEL).astype(np.uint8)


def _choice(candidates: str, shape: tuple[int, ...]) -> LesionChoice | None:
    """Kept candidates; None where there are none, or the CT in their place is another by now."""
    try:
        return LesionChoice.from_text(candidates, shape) if candidates else None
    except UserError:
        return None


def _by_model(choice: LesionChoice | None, run: Answer) -> NDArray[np.int64] | None:
    """Flat indices of what the model marked as lesions, where candidates tell it."""
    cleaning = run.get("options", {}).get("postprocessing")
    return choice.lesions_at(cleaning["sensitivity"]) if choice and cleaning else None


def _choose(
    candidates: str, labels: NDArray[np.uint8], painted: NDArray[np.bool_], run: Answer, sensitivity: float
) -> tuple[LesionChoice, Answer]:
    """Choose other candidates in place; what may be chosen again, and the run as it would have been."""
    cleaning = run["options"]["postprocessing"]
    kept = LesionChoice.from_text(candidates, labels.shape).inside(~painted)
    choice = kept.unpainted(labels, cleaning["sensitivity"])
    choice.choose(labels, sensitivity)
    return choice, run | {"options": run["options"] | {"postprocessing": cleaning | {"sensitivity": sensitivity}}}
