"""What the panel says, made from facts; no widget in sight."""

import csv
import html
import io
import math

from slicer.i18n import tr as _

from LiverTumorSegLib.mrml.tables import COLUMNS

_CSV_NAMES = {"r": "centroid_r_mm", "a": "centroid_a_mm", "s": "centroid_s_mm"}
_SHOWN = ("number", "volume_ml", "axial_diameter_mm", "diameter_mm", "mean_hu", "surface_distance_mm", "slice")


def headings() -> list[str]:
    """Of the lesion table in the panel."""
    return [
        _("Lesion"),
        _("Volume\n(ml)"),
        _("Axial\n(mm)"),
        _("3D\n(mm)"),
        _("Mean\nHU"),
        _("Depth\n(mm)"),
        _("Slice"),
    ]


def cells(row: dict[str, float]) -> list[str]:
    """A lesion's cells, in the order of :func:`headings`."""
    return [_number(key, row[key]) for key in _SHOWN]


def _number(key: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    digits = {"number": 0, "slice": 0, "mean_hu": 0, "volume_ml": 2}.get(key, 1)
    return f"{value:.{digits}f}"


def volume(shape: tuple[int, ...], spacing: tuple[float, float, float]) -> str:
    """Size and spacing of a volume, i first."""
    size = " × ".join(str(n) for n in reversed(shape))
    return _("{size} voxels of {spacing} mm").format(
        size=size, spacing=" × ".join(f"{mm:.2f}" for mm in reversed(spacing))
    )


def listed(sentences) -> str:
    """Sentences as lines of rich text."""
    return "<br>".join(html.escape(sentence) for sentence in sentences)


def card(model: dict) -> str:
    """A model's card as rich text."""
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


def cardToolTip(model: dict) -> str:
    """What a model's accuracy means, as rich text: in plain text Qt would look for tags by itself, and obey them."""
    definition = model.get("definition", "")
    return f"<qt>{html.escape(definition, quote=False)}</qt>" if definition else ""


def noSuchModel(name: str) -> str:
    """Said of a model that a scene asks for, as rich text."""
    return html.escape(_("The model “{name}” is not there: choose another.").format(name=name))


def removal(title: str) -> str:
    """The question before a model is deleted, as rich text."""
    return f"<qt>{html.escape(_('Delete the model “{name}” from this computer?').format(name=title))}</qt>"


def device(found: dict) -> str:
    """A device's entry in the list."""
    if found["free_bytes"] is None:
        return found["title"]
    return _("{title}, {free:.1f} GB free").format(title=found["title"], free=found["free_bytes"] / 1e9)


def progress(stage: str, seconds: float | None) -> str:
    """The stage, and the time left where it can be told."""
    if seconds is None or not stage:
        return stage
    left = _("{seconds:.0f} s left").format(seconds=max(1, seconds))
    if seconds >= 90:
        left = _("{minutes:.0f} min left").format(minutes=seconds / 60)
    return f"{stage}, {left}"


def otherVolume(name: str) -> str:
    """Said where the result is not of the CT that is chosen now."""
    return _("This is the result of “{name}”, not of the CT that is chosen above.").format(name=name)


def summary(facts: dict, name: str) -> str:
    """The patient's measures as rich text, with the CT they are of."""
    count = facts["lesion_count"]
    said = _(
        "{name}: <b>liver {liver:.0f} ml</b>, lesions included. <b>{count}</b>, {lesion:.1f} ml: "
        "<b>{burden:.1f} %</b> of the liver. Segmented in {seconds:.1f} s on {device}."
    )
    if facts["liver_ml"] is None:
        said = _("{name}: <b>{count}</b>, {lesion:.1f} ml. Segmented in {seconds:.1f} s on {device}.")
    return said.format(
        name=html.escape(name),
        liver=facts["liver_ml"],
        count=_("1 lesion") if count == 1 else _("{count} lesions").format(count=html.escape(str(count))),
        lesion=facts["lesion_ml"],
        burden=facts["burden_percent"],
        seconds=facts["run"]["seconds"],
        device=html.escape(facts["run"]["device"]),
    )


def table(rows: list[dict[str, float]], delimiter: str) -> str:
    """All measures of all lesions as text, with the names that the headless library's CSV has."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    keys = [key for _heading, key, _kind in COLUMNS]
    writer.writerow([_CSV_NAMES.get(key, key) for key in keys])
    writer.writerows([["" if math.isnan(row[key]) else f"{row[key]:.10g}" for key in keys] for row in rows])
    return text.getvalue()
