"""What a worker can be asked for; every answer is ready for JSON, volumes are NRRD files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import device, exchange, files, lesions, model_store, report_files
from .. import model as model_folder
from ..description import JOINT
from ..device import place
from ..errors import UserError
from ..inference import Options, Segmentation, segment
from ..lesions import LesionTable
from ..model import Model
from ..model_download import download_model
from ..postprocessing import LESION, Postprocessing
from ..preview import preprocessed
from ..progress import Job
from ..region import segment_region
from ..volume import Volume
from ..whole_files import refuse_folder, whole_folder

Answer = dict[str, Any]
_SHARE = 0.9


class Commands:
    """The commands by name, with what is kept from one to the next: the last model."""

    def __init__(self) -> None:
        self._kept: tuple[object, Model] | None = None
        self._known: dict[str, Callable[..., Answer]] = {
            "segment": self.segment,
            "segment_file": self.segment_file,
            "segment_series": self.segment_series,
            "load_model": self.load_model,
            "preview": self.preview,
            "measure": self.measure,
            "report": self.report,
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
        self, job: Job, *, volume: str, labels: str, model: str, device: str, options: Answer, inside: str = ""
    ) -> Answer:
        """Segment; ``labels`` gets 0 background, 1 liver and 1 + n for lesion n, where ``inside`` is not 0."""
        job.at(0.01, "Reading the volume")
        ct, loaded = _volume(volume), self._model(model)
        region = exchange.take(Path(inside))[0] > 0 if inside else None
        result = _run(ct, loaded, device, options, job.part(0.03, _SHARE), region)
        job.at(_SHARE, "Measuring lesions")
        table = lesions.measure(result.labels, ct, result.model.labels)
        job.at(0.96, "Handing over")
        exchange.put(Path(labels), lesions.numbered(result.labels, ct), ct.affine)
        job.at(1, "Done")
        return _answer(result, table)

    def segment_file(
        self, job: Job, *, source: str, output: str, model: str, device: str, options: Answer, overwrite: bool = False
    ) -> Answer:
        """Segment a file or DICOM folder into a file of any format that labels are written in."""
        files.check_output(Path(output), overwrite=overwrite)
        job.at(0.01, "Reading the volume")
        ct, loaded = files.read_volume(Path(source)), self._model(model)
        files.check_grid(Path(output), ct)
        result = _run(ct, loaded, device, options, job.part(0.03, _SHARE))
        job.at(_SHARE, "Measuring lesions")
        table = lesions.measure(result.labels, ct, result.model.labels)
        files.write_labels(Path(output), result.labels, ct, overwrite=overwrite)
        job.at(1, "Done")
        return _answer(result, table)

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
        from ..dicom_objects import needed

        needed.require()
        from ..dicom_objects import parts, writing
        from ..dicom_objects import source as images

        holds = report_files.NAMES | set(writing.NAMES)
        refuse_folder(Path(folder), overwrite=True, holds=holds)
        job.at(0.01, "Reading the volume")
        ct, loaded = files.read_volume(Path(source)), self._model(model)
        images.read(ct)
        result = _run(ct, loaded, device, options, job.part(0.03, _SHARE))
        job.at(_SHARE, "Measuring lesions")
        table = lesions.measure(result.labels, ct, result.model.labels)
        job.at(0.93, "Writing DICOM objects")
        with whole_folder(Path(folder), overwrite=True, holds=holds) as unfinished:
            at = datetime.fromisoformat(made)
            paths = writing.write(unfinished, result, table, made=at, lesion_segments=lesion_segments, repeatable=True)
            paths += report_files.write(unfinished, result, table)
        job.at(1, "Done")
        answer = _answer(result, table)
        answer["warnings"] += parts.remarks(table)
        return answer | {"files": [str(Path(folder) / path.name) for path in paths]}

    def load_model(self, job: Job, *, model: str, device: str) -> Answer:
        """Check a model and a device before there is work for them; the model is kept for the next command."""
        job.at(0, "Loading the model")
        description = self._model(model).description
        return {"name": description.name, "device": str(place(device))}

    def measure(self, job: Job, *, volume: str, labels: str, run: Answer | None = None) -> Answer:
        """Measure labels again, after they were corrected; lesions are numbered anew in the file.

        ``run`` is what segmenting answered; without it, or from before it named the model's labels, liver and lesions
        are taken to be marked.
        """
        job.at(0, "Measuring lesions")
        ct, found = _pair(volume, labels)
        table = lesions.measure(found, ct, (run or {}).get("labels", JOINT))
        exchange.put(Path(labels), lesions.numbered(found, ct), ct.affine)
        return {"table": table.to_dict()}

    def report(self, job: Job, *, volume: str, labels: str, run: Answer, folder: str, overwrite: bool) -> Answer:
        """Write the report's files into a folder."""
        report_files.check(Path(folder), overwrite=overwrite)
        job.at(0.1, "Writing the report")
        ct, found = _pair(volume, labels)
        description = self._model(run["model"]).description
        options, cleaning = dict(run["options"]), run["options"]["postprocessing"]
        options["postprocessing"] = Postprocessing.model_validate(cleaning) if cleaning else None
        notes, seconds = tuple(run["notes"]), float(run["seconds"])
        done = Segmentation(found, ct, description, run["device"], Options(**options), notes, seconds)
        table = lesions.measure(found, ct, description.labels)
        paths = report_files.write(Path(folder), done, table, overwrite=overwrite)
        return {"files": [str(path) for path in paths], "table": table.to_dict()}

    def preview(self, job: Job, *, volume: str, image: str, model: str) -> Answer:
        """Write the volume as the network would see it."""
        ct, description = _volume(volume), self._model(model).description
        exchange.put(Path(image), *preprocessed(ct, description, job.at, job.cancel))
        return {"steps": [step.step for step in description.preprocessing.root]}

    def models(self, job: Job) -> Answer:
        """Every model with its card, the default first; what is wrong with those that are not valid."""
        job.at(0, "Looking for models")
        return {"models": [_card(name, folder) for name, folder in model_store.available().items()]}

    def devices(self, job: Job) -> Answer:
        """Every device, the best first, and why ``auto`` takes the CPU where it does."""
        job.at(0, "Looking for GPUs")
        return {"devices": [asdict(found) for found in device.listed()], "why_no_gpu": device.why_no_gpu()}

    def import_model(self, job: Job, *, folder: str, overwrite: bool = False) -> Answer:
        """Check a model folder and keep it."""
        job.at(0, "Checking the model")
        return {"name": model_store.import_model(Path(folder), overwrite=overwrite)}

    def download_model(self, job: Job, *, url: str, sha256: str, overwrite: bool = False) -> Answer:
        """Download, check and keep a model."""
        return {"name": download_model(url, sha256, job.at, job.cancel, overwrite=overwrite)}

    def remove_model(self, job: Job, *, name: str) -> Answer:
        """Delete an imported model."""
        job.at(0, "Removing the model")
        model_store.remove_model(name)
        return {"name": name}

    def _model(self, name: str) -> Model:
        folder = model_store.find(name)
        files_now = [folder / file for file in sorted(model_folder.FILES)]
        key = [(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files_now if f.is_file()]
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, model_folder.load(folder))
        return self._kept[1]


def _run(
    ct: Volume, loaded: Model, device: str, options: Answer, part: Job, inside: NDArray[np.bool_] | None = None
) -> Segmentation:
    chosen = _options(loaded, options)
    if inside is None:
        return segment(ct, loaded, device, part.at, part.cancel, options=chosen)
    return segment_region(ct, loaded, inside, device, part.at, part.cancel, options=chosen)


def _answer(result: Segmentation, table: LesionTable) -> Answer:
    run = {
        "model": result.model.name,
        "labels": list(result.model.labels),
        "device": result.device,
        "notes": list(result.notes),
        "seconds": result.seconds,
        "options": _plain(result.options),
    }
    return {"table": table.to_dict(), "run": run, "warnings": [*result.volume.warnings, *result.notes]}


def _options(loaded: Model, wanted: Answer) -> Options:
    """Options from a message; what its postprocessing leaves out is the model's own."""
    cleaning = loaded.description.postprocessing.model_dump() | wanted.get("postprocessing", {})
    return Options(
        coarse_pass=wanted.get("coarse_pass", True),
        batch=wanted.get("batch") or None,
        postprocessing=Postprocessing.model_validate(cleaning),
        precision=wanted.get("precision", "auto"),
    )


def _plain(options: Options) -> Answer:
    cleaning = options.postprocessing
    return asdict(options) | {"postprocessing": cleaning.model_dump() if cleaning else None}


def _volume(path: str) -> Volume:
    """A CT as the client handed it over, int16 in HU; the client has inspected it."""
    return Volume(*exchange.take(Path(path)))


def _pair(volume: str, labels: str) -> tuple[Volume, Any]:
    """A CT and labels 0, 1 and 2 on its grid; any larger value is a lesion."""
    ct = _volume(volume)
    numbered, _ = exchange.take(Path(labels))
    if numbered.shape != ct.voxels.shape:
        msg = f"{labels} is not on the grid of {volume}: segment it again."
        raise UserError(msg)
    return ct, numbered.clip(0, LESION).astype("uint8")


def _card(name: str, folder: Path) -> Answer:
    try:
        description = model_folder.describe(folder)
    except UserError as error:
        return {"name": name, "title": name, "error": str(error), "ships": model_store.ships(folder)}
    return {
        "name": name,
        "title": description.title,
        "segments": description.segments,
        "data": description.training.data,
        "patients": len(description.training.patients),
        "accuracy": description.figures.in_words if description.figures else "",
        "definition": description.figures.definition if description.figures else "",
        "licence": description.licence.name,
        "terms": description.licence.terms,
        "bytes": description.weights.bytes,
        "postprocessing": description.postprocessing.model_dump(),
        "ships": model_store.ships(folder),
    }
