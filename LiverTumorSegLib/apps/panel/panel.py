"""The panel of 3D Slicer and the browser without a user interface: its settings, its jobs and its table's columns."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.about import AUTO_LIVER, CLICK_MODEL, DEFAULT_MODEL
from ...core.errors import UserError
from ...core.volume import Volume
from ...reporting.ct_identity import CTIdentity
from ...reporting.lesion_origins import read_marks
from ..worker import arrays
from ..worker.client import WorkerInterface
from ..worker.handed_layers import HandedLayer, stacked, unstacked
from .clicks import ClickedLesion, ClickHandover, LesionClick, click_arguments, clicked_lesion
from .job_runner import IDLE, Answer, JobRunner, PanelState
from .result import Note, Result

_WAITED_FOR = ("click", "prepare_clicks", "measure")
"""Short jobs that a click comes after; the others it cannot be asked for beside."""

_MEASURING = ("segment", "measure", "report")


@dataclass(frozen=True)
class PanelSettings:
    """Settings of a segmentation, as the user chose them.

    Args:
        model: name or folder.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        coarse_pass: first find the liver on coarse slices.
        batch: slices a batch, 0 for the device's usual number.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        postprocessing: clean-up steps by name; what is left out is the model's own.
        liver_model: of another model, whose liver the lesions are looked for in; ``auto`` for the model by default
            where ``model`` marks lesions alone; ``none``.
        also: of models of other structures.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    coarse_pass: bool = True
    batch: int = 0
    precision: str = "auto"
    postprocessing: dict[str, Any] = field(default_factory=dict)
    liver_model: str = AUTO_LIVER
    also: tuple[str, ...] = ()


class Panel(JobRunner):
    """A job runner that knows the jobs, the models and the devices.

    Every method that starts a job raises ``RuntimeError`` where one is running or packages are missing.
    """

    def __init__(self, worker: WorkerInterface | None = None, missing: Sequence[str] = (), **options: Any) -> None:
        super().__init__(worker, missing, **options)
        self.models: list[Answer] = []
        self.devices: list[Answer] = []
        self.why_no_gpu = ""
        self.opened = self.models_known = False
        self._handed = ClickHandover()
        self._next_click: Callable[[], None] | None = None

    @property
    def segmenting_models(self) -> list[Answer]:
        """The models that can be chosen to segment a CT: not those for clicks, or of other structures alone."""
        return [model for model in self.models if not model.get("clicks") and len(model.get("labels", "..")) > 1]

    def liver_models(self, main: str) -> list[Answer]:
        """The models that can find the liver for the main one."""
        found = [model for model in self.segmenting_models if "liver" in model.get("labels", ())]
        return [model for model in found if model["name"] != main]

    def other_models(self, main: str) -> list[Answer]:
        """The models that can add other structures to what the main one finds."""
        return [model for model in self.models if model.get("structures") and model["name"] != main]

    def open(self, then: Callable[[], None] = lambda: None) -> None:
        """Start the worker in the background and ask it for models and devices; ``then`` is called with the models."""
        if self.state is not PanelState.NEEDS_SETUP:
            self.opened = True
            self.ask("models", lambda answer: self._take_models(answer, then))
            self.ask("devices", self._take_devices)

    def segment(
        self,
        volume: Volume,
        settings: PanelSettings,
        done: Callable[[Result], None],
        *,
        inside: NDArray[np.bool_] | None = None,
    ) -> None:
        """Segment; ``done`` gets the result while :meth:`poll` runs. Nothing is found where ``inside`` is False."""

        def finish(answer: Answer, folder: Path) -> None:
            labels, _ = arrays.read(folder / "labels.nrrd")
            warnings = tuple(dict.fromkeys((*volume.warnings, *answer["warnings"])))
            self._handed.keep_automatic(answer, folder, volume)
            candidates, marks = answer.get("candidates", ""), read_marks(answer.get("marks"))
            others = unstacked(folder / "others.nrrd", answer.get("structures", ()))
            done(Result(labels, volume, answer["table"], answer["run"], warnings, candidates, marks, others))

        files: dict[str, Any] = {"volume": (volume.voxels, volume.affine), "labels": None}
        if settings.also or any(model["name"] == settings.model for model in self.other_models("")):
            files["others"] = None
        if inside is None:
            files["automatic"] = None
        else:
            files["inside"] = (inside.astype(np.uint8), volume.affine)
        self.begin("segment", finish, files, **_arguments(settings))

    def segment_file(
        self,
        source: Path,
        output: Path,
        settings: PanelSettings,
        done: Callable[[Answer], None],
        *,
        series: str | None = None,
    ) -> None:
        """Segment a file or DICOM folder into a file; ``done`` gets ``table``, ``run`` and ``warnings``.

        With a series it is that one of the folder.
        """
        asked = {"source": str(source), "output": str(output), **({"series": series} if series else {})}
        self.begin("segment_file", lambda answer, _: done(answer), {}, **asked, **_arguments(settings))

    def measure(
        self,
        result: Result,
        labels: NDArray[np.unsignedinteger],
        done: Callable[[Result], None],
        *,
        sensitivity: float | None = None,
        without: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        """Measure corrected labels of a result again: 0 background, 1 liver, anything larger a lesion.

        With a sensitivity, in false lesions a patient, other candidates are lesions first; what was painted stays.
        The lesions that hold the voxels ``without``, each ``(i, j, k)``, are taken away first.
        By the result's marks the table says how each lesion came about, and they come back as they are now.
        """

        def finish(answer: Answer, folder: Path) -> None:
            numbered, _ = arrays.read(folder / "labels.nrrd")
            done(replace(result.measured(answer, numbered), candidates=answer["candidates"]))

        chosen: Answer = {"run": result.run, "candidates": result.candidates, "sensitivity": sensitivity}
        chosen |= {"without": without, "marks": result.marks, "numbers": result.numbers_text}
        files, more = with_others(_files(result.volume, labels), result.others, result.volume)
        self.begin("measure", finish, files, **chosen, **more)

    def report(
        self,
        result: Result,
        folder: Path,
        done: Callable[[Result, list[str]], None],
        *,
        overwrite: bool,
        notes: Sequence[Note] = (),
        identity: CTIdentity | None = None,
    ) -> None:
        """Write the report of a result into a folder; ``done`` gets it with measures made anew, and the files.

        The report has notes with their lesions, and by the result's marks says how each of these came about. It names
        the CT where an identity is given.
        """

        def finish(answer: Answer, files: Path) -> None:
            numbered, _ = arrays.read(files / "labels.nrrd")
            done(result.measured(answer, numbered), answer["files"])

        chosen: Answer = {
            "run": result.run,
            "folder": str(folder),
            "overwrite": overwrite,
            "candidates": result.candidates,
            "warnings": result.lasting_warnings,
            "notes": notes,
            "marks": result.marks,
            "numbers": result.numbers_text,
        }
        if identity:
            chosen |= {"ct_name": identity.name, "ct_date": identity.date}
        files, more = with_others(_files(result.volume, result.labels), result.others, result.volume)
        self.begin("report", finish, files, **chosen, **more)

    def prepare_clicks(self, volume: Volume, *, device: str = "auto", model: str = CLICK_MODEL) -> None:
        """Hand over a CT and have the model loaded, so that the first click is answered as fast as the others."""
        self._check_idle("prepare_clicks")
        self._begin_on(volume, "prepare_clicks", lambda _, __: None, {}, device=device, model=model)

    def click(
        self,
        volume: Volume,
        labels: NDArray[np.unsignedinteger] | None,
        clicks: Sequence[LesionClick],
        done: Callable[[ClickedLesion], None],
        *,
        base: NDArray[np.bool_] | None = None,
        device: str = "auto",
        model: str = CLICK_MODEL,
    ) -> None:
        """Segment the lesion that was clicked into; ``done`` gets it while :meth:`poll` runs.

        The same arguments give the same lesion, so that a click is taken back, or moved, by asking without it. While
        the worker is at a click, or measures, the newest click waits, in place of an earlier one that waits. Where this
        panel has segmented the CT, the network sees how likely lesion was by that model.

        Args:
            volume: the CT, the same object from click to click; what is handed over again is another object.
            labels: as :attr:`Result.labels`, without what these clicks have made: as they were before the first of
                them. None where nothing was segmented.
            clicks: all of the lesion's, in their order.
            done: gets the lesion.
            base: bool ``[k, j, i]``: the lesion before its first click; None where there was none.
            device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
            model: for clicks.
        """
        if self._job is not None and self._job.queued.command in _WAITED_FOR:
            self._next_click = partial(self.click, volume, labels, clicks, done, base=base, device=device, model=model)
            return
        self._check_idle("click")
        before = self._handed.base(base)

        def finish(answer: Answer, folder: Path) -> None:
            mask, _ = arrays.read(folder / "lesion.nrrd")
            done(clicked_lesion(answer, mask, volume, labels, clicks, base))

        files: dict[str, Any] = {"lesion": None}
        chosen: Answer = {"clicks": click_arguments(clicks), "device": device, "model": model}
        chosen["liver_hu"] = self._handed.liver_hu(volume, labels)
        if before is not None:
            files["base"] = (before.values.astype(np.uint8), volume.affine)
            chosen["base_at"] = [side.start for side in before.box]
        self._begin_on(volume, "click", finish, files, **chosen)

    @property
    def measuring(self) -> bool:
        """Whether a job runs at whose end a result gets other measures."""
        return self._job is not None and self._job.queued.command in _MEASURING

    @property
    def settled(self) -> bool:
        """True when no job runs, no click waits and nothing is left for later."""
        return super().settled and self._next_click is None

    def poll(self) -> None:
        """Take in what the worker said, and ask for the click that waits; call it some ten times a second."""
        super().poll()
        if self._next_click and self.state in IDLE:
            click, self._next_click = self._next_click, None
            click()

    def cancel(self) -> None:
        """Ask the running job to stop; a click that waits is forgotten."""
        self._next_click = None
        super().cancel()

    def close(self) -> None:
        """End the worker; a running job is lost."""
        self._next_click = None
        super().close()
        self._handed.forget()

    def _check_idle(self, command: str) -> None:
        if self.state not in IDLE:
            msg = f"{command} cannot start while the panel is {self.state.value}"
            raise RuntimeError(msg)

    def _begin_on(
        self,
        volume: Volume,
        command: str,
        finish: Callable[[Answer, Path], None],
        files: dict[str, Any],
        **chosen: Any,
    ) -> None:
        """Start a job on a CT whose file stays there for the next one."""
        try:
            file = self._handed.volume_file(self.worker, volume)
            chosen |= self._handed.automatic(file, volume) if command == "click" else {}
        except (UserError, OSError) as error:
            self._fail(str(error), traceback.format_exc())
            return
        self.begin(command, finish, files, volume=str(file), **chosen)

    def preview(
        self, volume: Volume, model: str, done: Callable[[NDArray[np.float32], NDArray[np.float64]], None]
    ) -> None:
        """Preprocess as a model would; ``done`` gets ``[slice, row, column]`` and its affine."""
        files = {"volume": (volume.voxels, volume.affine), "image": None}
        self.begin("preview", lambda _, folder: done(*arrays.read(folder / "image.nrrd")), files, model=model)

    def manage(self, command: str, done: Callable[[str], None], **arguments: Any) -> None:
        """Run ``download_model`` or ``remove_model``; ``done`` gets the model's name."""

        def finish(answer: Answer, _: Path) -> None:
            self.ask("models", self._take_models)
            done(answer["name"])

        self.begin(command, finish, {}, **arguments)

    def import_model(
        self, folder: str, done: Callable[[str], None], ask: Callable[[Answer], None], choices: Answer | None = None
    ) -> None:
        """Import a model; ``ask`` gets what has to be chosen first, which only a call without choices can find."""

        def finish(answer: Answer, _: Path) -> None:
            if questions := answer.get("questions"):
                ask(questions)
                return
            self.ask("models", self._take_models)
            done(answer["name"])

        self.begin("import_model", finish, {}, folder=folder, choices=choices)

    def _take_models(self, answer: Answer, then: Callable[[], None] = lambda: None) -> None:
        self.models, self.models_known = answer["models"], True
        then()
        self.refresh()

    def _take_devices(self, answer: Answer) -> None:
        self.devices, self.why_no_gpu = answer["devices"], answer["why_no_gpu"]
        self.refresh()


def _arguments(settings: PanelSettings) -> Answer:
    options = asdict(settings)
    liver, also = options.pop("liver_model"), list(options.pop("also"))
    others = ({} if liver == AUTO_LIVER else {"liver_model": liver}) | ({"also": also} if also else {})
    return {"model": options.pop("model"), "device": options.pop("device"), "options": options, **others}


def with_others(files: dict[str, Any], others: Sequence[HandedLayer], volume: Volume) -> tuple[dict[str, Any], Answer]:
    """Files with other structures among them, and what is said of these; both as they are where there are none."""
    if not others:
        return files, {}
    return files | {"others": (stacked(others), volume.affine)}, {"structures": [each.entry for each in others]}


def _files(volume: Volume, labels: NDArray[np.unsignedinteger]) -> dict[str, Any]:
    return {"volume": (volume.voxels, volume.affine), "labels": (labels, volume.affine)}


LESION_COLUMNS: tuple[tuple[str, str, type[int | float]], ...] = (
    ("lesion", "number", int),
    ("volume (ml)", "volume_ml", float),
    ("axial diameter (mm)", "axial_diameter_mm", float),
    ("short axis (mm)", "short_axial_diameter_mm", float),
    ("3D diameter (mm)", "diameter_mm", float),
    ("mean HU", "mean_hu", float),
    ("SD HU", "sd_hu", float),
    ("to surface (mm)", "surface_distance_mm", float),
    ("axial slice", "slice", int),
    ("burden (%)", "burden_percent", float),
    ("R (mm)", "r", float),
    ("A (mm)", "a", float),
    ("S (mm)", "s", float),
    ("probability", "probability", float),
)
"""Heading, key and type of each column."""
