"""Commands that a worker can be asked for; every answer is ready for JSON, volumes are NRRD files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import device
from ...core.about import AUTO_LIVER, NO_LIVER
from ...core.device import choose_device
from ...core.errors import UserError
from ...core.progress import Job
from ...core.volume import Volume
from ...inference.preview import preprocess_volume
from ...inference.segment import Segmentation
from ...models import store
from ...models.description import JOINT
from ...models.download import download_model
from ...models.importing import ask_of, import_any
from ...models.nnunet.conversion import NO_CHOICES, read_choices
from ...pipeline import CTFile, measure_and_write
from ...pipeline import run as segment_and_write
from ...postprocessing.cleaning import remove_lesion
from ...reporting import lesions
from ...reporting.lesion_notes import place_notes, read_notes
from ...reporting.lesion_numbers import read_numbers
from ...reporting.lesion_origins import read_marks
from ...reporting.liver_segments import with_liver_segments
from ...reporting.marked_lesions import marks_after_choice, tell_origins
from ...reporting.outputs import DicomObjects, LabelFile, Output, ReportFolder, WholeFolder
from ..cohort import cases
from . import arrays, click_commands
from .click_commands import ClickCommands
from .exchange import (
    Answer,
    LabelHandover,
    choose_candidates,
    corrected,
    lesions_alike,
    options_of,
    read_ct,
    read_numbered,
    read_pair,
    result_answer,
)
from .handed_layers import stacked
from .known_models import LastModel, model_card
from .measures import marked_by_model, measured_answer, read_choice
from .object_commands import ObjectCommands
from .other_structures import ClientLayers, layers_found
from .protocol import PAINTED


class Commands:
    """The commands by name, with what is kept from one to the next: the last model, and what was clicked into.

    Args:
        base: folder that relative paths start from, the client's: a worker's own working folder is its alone.
    """

    def __init__(self, base: Path = Path()) -> None:
        self._base = base
        self._models = LastModel(base)
        self._model = self._models.load
        objects = ObjectCommands(base, self._corrected)
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
            "write_objects": objects.write,
            "open_objects": objects.open,
            "check_scans": _on_two_scans(base, "check"),
            "compare_scans": _on_two_scans(base, "compare"),
            "change_pairs": _on_two_scans(base, "change_pairs"),
            "report_comparison": _on_two_scans(base, "report"),
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
        liver_model: str = AUTO_LIVER,
        also: Sequence[str] = (),
        others: str = "",
    ) -> Answer:
        """Segment; ``labels`` gets 0 background, 1 liver and 1 + n for lesion n, where ``inside`` is not 0.

        The file ``automatic`` gets how likely lesion is, for clicks, in a box whose first voxel the answer has as
        ``automatic_at``; neither is there where that is not known.
        ``marks`` of the answer are what marked the lesions, a model: :meth:`measure` takes them.
        The liver is that of ``liver_model``; a model of lesions alone has that of the model by default. What the main
        model and those of ``also`` find beside liver and lesions goes to the file ``others``, as
        :mod:`.handed_layers` says; the answer lists it by model as ``structures``, empty where nothing was looked for
        and there is no file.
        """
        job.at(0.01, "Reading the volume")
        ct, models = read_ct(volume), self._models.load_set(model, liver_model, also)
        region = arrays.read(Path(inside))[0] > 0 if inside else None
        target, chosen = LabelHandover(Path(labels)), options_of(models.model, options)
        done = segment_and_write(ct, models, [target], device=device, options=chosen, inside=region, job=job)
        choice = done.segmentation.choice
        text = choice.to_text() if choice else ""
        answer = result_answer(done) | {"candidates": text, "marks": done.marks}
        if others:
            layers = layers_found(done.segmentation)
            answer["structures"] = [each.entry for each in layers]
            if layers:
                arrays.write(Path(others), stacked(layers), ct.affine)
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
        liver_model: str = AUTO_LIVER,
        also: Sequence[str] = (),
    ) -> Answer:
        """Segment a file or DICOM folder, or a series of it, into a file of any format that labels are written in."""
        job.at(0, "Loading the model")
        ct, models = CTFile(self._base / source, series), self._models.load_set(model, liver_model, also)
        target, chosen = LabelFile(self._base / output, overwrite), options_of(models.model, options)
        done = segment_and_write(ct, models, [target], device=device, options=chosen, job=job)
        return result_answer(done)

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
        liver_model: str = AUTO_LIVER,
        also: Sequence[str] = (),
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
        ct, models = CTFile(self._base / source), self._models.load_set(model, liver_model, also)
        target, chosen = WholeFolder(self._base / folder, inside), options_of(models.model, options)
        done = segment_and_write(ct, models, [target], device=device, options=chosen, job=job)
        return result_answer(done) | {"files": [str(path) for path in done.files]}

    def load_model(
        self, job: Job, *, model: str, device: str, liver_model: str = NO_LIVER, also: Sequence[str] = ()
    ) -> Answer:
        """Check models and a device before there is work for them; they are kept for the next command."""
        job.at(0, "Loading the model")
        description = self._models.load_set(model, liver_model, also).model.description
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
        numbers: str = "",
        others: str = "",
        structures: Sequence[Answer] = (),
    ) -> Answer:
        """Measure labels again, after they were corrected; the file gets a value a lesion.

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
        ``numbers`` are those of the lesions before, which they keep, see
        :meth:`LiverTumorSegLib.reporting.lesion_numbers.LesionNumbers.to_text`; without them they are numbered by size.
        ``others`` and ``structures`` are as segmenting gave them: lesions get the liver's segments that they lie in.
        """
        noted, known = read_notes(notes), read_marks(marks)
        job.at(0, "Measuring lesions")
        ct, numbered = read_numbered(volume, labels)
        found = lesions_alike(numbered)
        chosen = known is not None and (bool(without) or sensitivity is not None)
        before = lesions.number_lesions(found.copy(), ct) if chosen else found
        for i, j, k in without:
            remove_lesion(found, (k, j, i))
        if sensitivity is None or not run:
            choice = read_choice(candidates, found.shape)
        else:
            choice, run = choose_candidates(candidates, found, numbered == PAINTED, run, sensitivity)
            candidates = choice.to_text()
        levels = choice.spread() if choice else None
        how = run or {}
        region = how.get("region", False)
        kept = read_numbers(numbers, found.shape)
        table = lesions.measure_lesions(found, ct, how.get("labels", JOINT), levels, region=region, numbers=kept)
        own = lesions.number_lesions(found, ct, table)
        arrays.write(Path(labels), own, ct.affine)
        table = table.with_notes(place_notes(noted, own, ct))
        table = with_liver_segments(table, own, ClientLayers(others, structures, found.shape).liver_segments)
        if known is not None:
            if chosen:
                known = marks_after_choice(known, before, own, ct, table, removed=without)
            table, known = tell_origins(table, known, own, ct, marked_by_model(choice, how))
        return measured_answer(table, run, known) | {"candidates": candidates}

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
        numbers: str = "",
        others: str = "",
        structures: Sequence[Answer] = (),
        ct_name: str = "",
        ct_date: str = "",
    ) -> Answer:
        """Write the report's files into a folder; the file of labels gets a value a lesion.

        ``warnings`` are what was told of the CT; the report has them beside the run's notes and the doubts about these
        labels, which are answered as by :meth:`measure`; ``notes``, ``marks``, ``numbers`` and other structures are
        given as there. With ``ct_name`` the page names the CT so, and its day ``ct_date``, in ISO 8601, where it is
        given.
        """
        noted, known = read_notes(notes), read_marks(marks)
        target = ReportFolder(self._base / folder, overwrite, ct_name, ct_date)
        target.check(run.get("labels", JOINT), None)
        job.at(0.1, "Writing the report")
        ct, found = read_pair(volume, labels)
        done = self._corrected(ct, found, run, candidates, warnings, ClientLayers(others, structures, found.shape))
        kept = read_numbers(numbers, found.shape)
        result = measure_and_write(done, [target], notes=noted, marks=known, numbers=kept)
        arrays.write(Path(labels), lesions.number_lesions(found, ct, result.lesions), ct.affine)
        return measured_answer(result.lesions, run, result.marks) | {"files": [str(path) for path in result.files]}

    def _corrected(
        self,
        ct: Volume,
        labels: NDArray[np.uint8],
        run: Answer,
        candidates: str,
        warnings: Sequence[str],
        layers: ClientLayers,
    ) -> Segmentation:
        """Corrected labels as the segmentation that they come from, with all models that took part."""
        main, name = self._model(run["model"]).description, run.get("liver_model", "")
        liver = self._models.describe(name) if name else None
        return corrected(ct, labels, main, run, candidates, warnings, liver, layers.others(self._models.describe))

    def find_cases(self, job: Job, *, folder: str, without: str) -> Answer:
        """Every CT in a folder and those in it, but for one folder, such as that of the outputs."""
        job.at(0, "Looking for CTs")
        found = cases.find(self._base / folder, [self._base / without], job.cancel)
        listed = [{"name": case.name, "path": str(case.path), "series": case.series} for case in found.cases]
        return {"cases": listed, "remarks": list(found.remarks)}

    def preview(self, job: Job, *, volume: str, image: str, model: str) -> Answer:
        """Write the volume as the network would see it."""
        ct, description = read_ct(volume), self._model(model).description
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

    def import_model(self, job: Job, *, folder: str, overwrite: bool = False, choices: Answer | None = None) -> Answer:
        """Check a model and keep it: a model folder, one of nnU-Net's, or a zip file of either.

        ``choices`` are those of :func:`LiverTumorSegLib.models.nnunet.conversion.read_choices`. Without them a folder
        that leaves something open is not imported: ``name`` is empty then, and ``questions`` say what is open.
        """
        open_questions = None if choices else ask_of(self._base / folder)
        if open_questions:
            return {"name": "", "questions": asdict(open_questions)}
        chosen = read_choices(**choices) if choices else NO_CHOICES
        return {"name": import_any(self._base / folder, chosen, overwrite=overwrite, job=job)}

    def download_model(self, job: Job, *, url: str, sha256: str, overwrite: bool = False) -> Answer:
        """Download, check and keep a model."""
        return {"name": download_model(url, sha256, job.at, job.cancel, overwrite=overwrite)}

    def remove_model(self, job: Job, *, name: str) -> Answer:
        """Delete an imported model."""
        job.at(0, "Removing the model")
        store.remove_model(name)
        return {"name": name}


def _on_two_scans(base: Path, name: str) -> Callable[..., Answer]:
    """A command of :class:`.follow_up_commands.FollowUpCommands`, which takes what registers CTs when it is asked."""

    def run(job: Job, **arguments: Any) -> Answer:
        from .follow_up_commands import FollowUpCommands

        answer: Answer = getattr(FollowUpCommands(base), name)(job, **arguments)
        return answer

    return run
