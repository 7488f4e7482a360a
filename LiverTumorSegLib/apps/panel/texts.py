"""Texts of the panel in Slicer and in the browser, made from facts and translated where Slicer is."""

from __future__ import annotations

import html
import math
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...core.about import PRECISIONS, __version__
from ...reporting.lesion_columns import COLUMNS
from ...reporting.lesion_origins import LesionOrigin
from .job_runner import PanelState
from .panel import Panel


def _translator() -> Callable[[str], str]:
    if "slicer" not in sys.modules:  # importing slicer-core takes a second, and it translates nothing
        return str
    try:
        from slicer.i18n import tr as slicers
    except ImportError:
        return str
    return slicers


_ = _translator()
"""To be imported as ``_`` by each file that uses it: Slicer's looks a text up by the file that calls."""


def translated_stage(stage: str) -> str:
    """A stage of the library in the user's language; one that is not known stays as it is.

    Where several models segment, the name of one stands before it.
    """
    model, mark, rest = stage.partition(": ")
    if mark and rest:
        return f"{model}: {translated_stage(rest)}"
    for pattern, words in _stage_patterns().items():
        found = re.fullmatch(pattern, stage)
        if found:
            return words.format(*found.groups())
    return stage


def _stage_patterns() -> dict[str, str]:
    """English patterns of the library, and their words; asked for anew, since the language can be changed."""
    return {
        r"Loading PyTorch": _("Loading PyTorch"),
        r"Loading the model": _("Loading the model"),
        r"Reading the volume": _("Reading the volume"),
        r"Looking for the liver": _("Looking for the liver"),
        r"Segmenting slice (\d+) of (\d+)": _("Segmenting slice {0} of {1}"),
        r"Looking closer at slice (\d+) of (\d+)": _("Looking closer at slice {0} of {1}"),
        r"Segmenting part (\d+) of (\d+)": _("Segmenting part {0} of {1}"),
        r"Writing labels": _("Writing labels"),
        r"Cleaning up": _("Cleaning up"),
        r"Measuring lesions": _("Measuring lesions"),
        r"Handing over": _("Handing over"),
        r"Preprocessing": _("Preprocessing"),
        r"Writing DICOM objects": _("Writing DICOM objects"),
        r"Writing the report": _("Writing the report"),
        r"Looking for models": _("Looking for models"),
        r"Looking for GPUs": _("Looking for GPUs"),
        r"Looking for CTs": _("Looking for CTs"),
        r"Checking the model": _("Checking the model"),
        r"Downloaded (\d+) MB": _("Downloaded {0} MB"),
        r"Removing the model": _("Removing the model"),
        r"Writing masks": _("Writing masks"),
        r"Writing the structure set": _("Writing the structure set"),
        r"Opening the result": _("Opening the result"),
        r"Looking at the clicks": _("Looking at the clicks"),
        r"Preparing the livers": _("Preparing the livers"),
        r"Registering the livers": _("Registering the livers"),
        r"Registering the livers, with stretching": _("Registering the livers, with stretching"),
        r"Registering the livers, with bending": _("Registering the livers, with bending"),
        r"Pairing lesions": _("Pairing lesions"),
        r"Done": _("Done"),
    }


AUTO = "auto"
"""The device and the precision that are chosen by what the machine has."""

_LEAST_SECONDS = 1.0
SHOWN = (
    "number",
    "probability",
    "volume_ml",
    "axial_diameter_mm",
    "short_axial_diameter_mm",
    "diameter_mm",
    "mean_hu",
    "surface_distance_mm",
    "slice",
)


def headings() -> list[str]:
    """Of the lesion table in the panel, see :data:`LiverTumorSegLib.reporting.lesion_columns.COLUMNS`."""
    return [_column(key)[0] for key in SHOWN]


def heading_tool_tips() -> list[str]:
    """What each of :func:`headings` means, as plain text; the terms of RECIST 1.1 where they are meant."""
    return [_column(key)[1] for key in SHOWN]


def note_heading() -> tuple[str, str]:
    """Heading and tool tip of the column of notes, which stands after those of :func:`headings`."""
    return _column("note")


def origin_heading() -> tuple[str, str]:
    """Heading and tool tip of the column of :func:`origin`, which is there where that is known of a lesion."""
    return _column("origin")


def liver_segments_heading() -> tuple[str, str]:
    """Heading and tool tip of the column of the liver's segments, which is there where they were looked for."""
    return _column("liver_segments")


def _column(key: str) -> tuple[str, str]:
    column = COLUMNS[key]
    return _(column.heading), _(column.meaning)


def origin(found: LesionOrigin | None) -> str:
    """How a lesion came about; empty where it is not known."""
    if found is None or found.painted:
        return _("painted") if found else ""
    clicks = _("1 click") if found.clicks == 1 else _("{count} clicks").format(count=found.clicks)
    made = clicks
    if found.automatic:
        made = _("automatic, improved by {clicks}").format(clicks=clicks) if found.clicks else _("automatic")
    return _("{made}, corrected by hand").format(made=made) if found.corrected else made


def row_tool_tip(origin: str, liver_segments: str = "") -> str:
    """Tool tip of a lesion's row, as plain text: how it came about and where it lies, what of these is known."""
    marked = _("Origin: {how}").format(how=origin) if origin else ""
    place = _("Liver segments: {name}").format(name=liver_segments) if liver_segments else ""
    return "\n".join(filter(None, (marked, place)))


def cells(row: Mapping[str, float]) -> list[str]:
    """A lesion's cells, in the order of :func:`headings`."""
    return [_number(key, row[key]) for key in SHOWN]


def _number(key: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    if key == "probability":
        return f"{100 * value:.0f}"
    digits = {"number": 0, "slice": 0, "mean_hu": 0, "volume_ml": 2}.get(key, 1)
    return f"{value:.{digits}f}"


def sensitivity(points: Sequence[Mapping[str, float]], chosen: int) -> str:
    """What a place of the slider from fewer false lesions to fewer missed ones costs, by the cross-validation."""
    false, found = round(points[chosen]["false_per_patient"], 1), round(10 * points[chosen]["found"])
    said = _("About {false:g} false lesions a patient, {found} of 10 found, in patients the model had not seen.")
    if false == 1:
        said = _("About 1 false lesion a patient, {found} of 10 found, in patients the model had not seen.")
    return said.format(false=false, found=found)


def chosen_point(points: Sequence[Mapping[str, float]], run: Mapping[str, Any]) -> int:
    """Place of the slider that a run's sensitivity stands for; 0 where it cannot be chosen."""
    wanted = run["options"]["postprocessing"].get("sensitivity", 0) if points else 0
    return max((n for n, point in enumerate(points) if point["false_per_patient"] <= wanted), default=0)


def volume(shape: Sequence[int], spacing: Sequence[float]) -> str:
    """Size and spacing of a volume.

    Args:
        shape: ``[k, j, i]``; it is said i first.
        spacing: in mm, of the same axes.
    """
    size = " × ".join(str(n) for n in reversed(shape))
    return _("{size} voxels of {spacing} mm").format(
        size=size, spacing=" × ".join(f"{mm:.2f}" for mm in reversed(spacing))
    )


def listed(sentences: Iterable[str]) -> str:
    """Sentences as lines of rich text."""
    return "<br>".join(html.escape(sentence) for sentence in sentences)


def folded(sentences: Sequence[str], *, whole: bool) -> str:
    """Sentences as rich text: the first, and a link to the others, or all of them.

    Args:
        sentences: the most important first.
        whole: all are shown.
    """
    if whole or len(sentences) < 2:
        return listed(sentences)
    more = _("and 1 more") if len(sentences) == 2 else _("and {count} more").format(count=len(sentences) - 1)
    return f'{html.escape(sentences[0])} <a href="more">{html.escape(more)}</a>'


def card_line(model: Mapping[str, Any]) -> str:
    """The one line of a model's card that is always shown, as rich text with a link to the rest.

    Args:
        model: as the worker lists it, or :func:`LiverTumorSegLib.models.shipped.shipped_titles` does.
    """
    if "error" in model:
        return html.escape(model["error"])
    said = _("Licence {licence}: for research only.") if model["research_only"] else _("Licence {licence}.")
    return f'{html.escape(said.format(licence=model["licence"]))} <a href="more">{html.escape(_("More"))}</a>'


def consent(model: Mapping[str, Any]) -> str:
    """The question before weights that are for research only are first used, as plain text."""
    return _(
        "The weights of “{title}” are for research only ({licence}): {terms} Use them so? This is asked once a model."
    ).format(title=model["title"], licence=model["licence"], terms=model["terms"])


def card(model: Mapping[str, Any]) -> str:
    """A model's card as rich text.

    Args:
        model: as the worker lists it; one that cannot be used has an ``error`` alone.
    """
    if "error" in model:
        return html.escape(model["error"])
    facts = {
        _("Segments"): model["segments"],
        _("Trained on"): _("{patients} patients of {data}").format(patients=model["patients"], data=model["data"]),
        _("Accuracy"): model["accuracy"] or _("not measured"),
        _("Licence"): f"{model['licence']}: {model['terms']}",
        _("Size"): f"{model['bytes'] / 1e6:.1f} MB",
    }
    return "<br>".join(f"<b>{html.escape(name)}:</b> {html.escape(text)}" for name, text in facts.items())


def card_tool_tip(model: Mapping[str, Any]) -> str:
    """Meaning of a model's accuracy, as plain text; empty where it does not say."""
    return str(model.get("definition", ""))


def no_card(models: Sequence[Mapping[str, Any]], name: str) -> str:
    """Why there is no card of a model, as rich text: the models are not known yet, or this one is not there."""
    if not models:
        return _("Looking for models…")
    return html.escape(_("The model “{name}” is not there: choose another.").format(name=name))


def removal(title: str) -> str:
    """The question before a model is deleted, as plain text."""
    return _("Delete the model “{name}” from this computer?").format(name=title)


def devices(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The list of devices: what is said of each, by its name.

    Args:
        found: as the worker lists them, the best first; empty while they are not known.
    """
    best = _("Automatic")
    if found:
        best = _("Automatic: {device}").format(device=_device(found[0]))
    return {AUTO: best} | {each["name"]: _device(each) for each in found}


def _device(found: Mapping[str, Any]) -> str:
    if found["free_bytes"] is None:
        return str(found["title"])
    return _("{title}, {free:.1f} GB free").format(title=found["title"], free=found["free_bytes"] / 1e9)


def device_note(panel: Panel, name: str) -> str:
    """Note on the device that is chosen: that it is gone, or why the automatic one is the CPU."""
    if panel.devices and name not in devices(panel.devices):
        return _("The device “{name}” is not here: choose another.").format(name=name)
    return panel.why_no_gpu if name == AUTO else ""


def precisions() -> dict[str, str]:
    """The list of precisions: what is said of each, by its name."""
    return {name: _("automatic") if name == AUTO else name for name in PRECISIONS}


def button(panel: Panel) -> str:
    """Of the one button that starts and cancels."""
    return _("Cancel") if panel.busy else _("Segment")


def button_tool_tip(panel: Panel, *, has_input: bool) -> str:
    """Tool tip of the one button: what it does, or what it waits for."""
    if panel.busy:
        return _("Stop; nothing is added to the scene")
    if panel.state is PanelState.NEEDS_SETUP:
        return _("Install the missing packages first")
    return _("Find the liver and its lesions") if has_input else _("Choose a CT first")


def state(panel: Panel) -> str:
    """State of the panel, with the time left where it can be told, or how its last job ended."""
    if panel.busy and panel.state is not PanelState.CANCELLING:
        return progress(translated_stage(panel.stage) or _("Starting"), panel.seconds_left)
    return {
        PanelState.CANCELLING: _("Cancelling"),
        PanelState.CANCELLED: _("Cancelled; nothing was added."),
        PanelState.DONE: _("Done."),
    }.get(panel.state, "")


def progress(stage: str, seconds: float | None) -> str:
    """The stage, and the time left where it can be told."""
    if seconds is None or seconds < _LEAST_SECONDS or not stage:
        return stage
    left = _("{seconds:.0f} s left").format(seconds=seconds)
    if seconds >= 90:
        left = _("{minutes:.0f} min left").format(minutes=seconds / 60)
    return f"{stage}, {left}"


def details(panel: Panel, application: str) -> str:
    """Details that a report of an error needs, in English.

    Args:
        panel: whose error it is.
        application: name and version of what shows the panel.
    """
    facts = f"LiverTumorSeg {__version__}, {application}, {platform.platform()}"
    return "\n".join([panel.error, facts, panel.details])


def other_volume(name: str) -> str:
    """Said where the result is not of the CT that is chosen now."""
    return _("This is the result of “{name}”, not of the CT that is chosen above.").format(name=name)


def summary(facts: Mapping[str, Any], name: str) -> str:
    """The patient's measures as rich text.

    Args:
        facts: of the result's table, see :attr:`LiverTumorSegLib.apps.panel.mrml_results.ResultNodes.facts`.
        name: of the CT that they are of.
    """
    count = facts["lesion_count"]
    said = _(
        "{name}: <b>liver {liver:.0f} ml</b>, lesions included. <b>{count}</b>, {lesion:.1f} ml: "
        "<b>{burden:.1f} %</b> of the liver. Segmented in {seconds:.1f} s on {device}."
    )
    if facts["liver_ml"] is None:
        said = _("{name}: <b>{count}</b>, {lesion:.1f} ml. Segmented in {seconds:.1f} s on {device}.")
    if not facts["run"]["device"]:  # nothing was segmented but what was clicked
        every = _("{name}: <b>{count}</b>, {lesion:.1f} ml, of which each was clicked or painted.")
        said = every if count else _("{name}: <b>{count}</b>, {lesion:.1f} ml.")
    return said.format(
        name=html.escape(name),
        liver=facts["liver_ml"],
        count=_("1 lesion") if count == 1 else _("{count} lesions").format(count=html.escape(str(count))),
        lesion=facts["lesion_ml"],
        burden=facts["burden_percent"],
        seconds=facts["run"]["seconds"],
        device=html.escape(facts["run"]["device"]),
    )


def file_name(name: str) -> str:
    """A result's name as one that a file can have, without its suffix."""
    return re.sub(r"[^\w .-]+", "_", name).strip(" .") or "result"
