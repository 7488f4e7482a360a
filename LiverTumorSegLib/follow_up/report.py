"""Files of a comparison: a page with pictures, a row a lesion as CSV, and everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from ..core.about import DISCLAIMER, __version__
from ..core.atomic_files import refuse_existing, refuse_unwritable
from ..core.sanitize import escape_for_page
from ..core.text_files import round_floats, to_csv, write_texts
from ..reporting import figures
from . import pictures
from .changes import WITHIN_DIAMETER, WITHIN_MM, WITHIN_VOLUME, Change
from .comparison import Comparison
from .recist import SumOfDiameters
from .series import Series

PAGE_FILE, CHANGES_FILE, JSON_FILE = "follow-up.html", "changes.csv", "follow-up.json"
FILE_NAMES = (PAGE_FILE, CHANGES_FILE, JSON_FILE)
DICOM_FILE = "comparison.dcm"
"""Beside them, where it is asked for: see :mod:`.dicom_report`."""
MOST_PICTURES = 100

_DIGITS = 3
COLUMNS = (
    *("comparison", "lesions_before", "lesions_after", "what", "certainty", "by_hand"),
    *("volume_before_ml", "volume_after_ml", "volume_change_ml", "volume_change_percent"),
    *("diameter_before_mm", "diameter_after_mm", "diameter_change_mm", "diameter_change_percent"),
    *("short_axis_before_mm", "short_axis_after_mm", "slice_before", "slice_after", "hu_before", "hu_after"),
    *("within_repeatability", "growth_percent_a_day", "doubling_days", "target"),
)


def check(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it holds one of the files, or cannot be written to.
    """
    for name in FILE_NAMES:
        refuse_existing(folder / name, overwrite=overwrite)
        refuse_unwritable(folder / name)


def write(folder: Path, series: Series, *, overwrite: bool = False) -> list[Path]:
    """Write ``follow-up.html``, ``changes.csv`` and ``follow-up.json`` into a folder.

    Args:
        folder: made where it is not there.
        series: the comparisons.
        overwrite: replace what is there already.

    Raises:
        UserError: one of the files exists, or the folder cannot be written to.
    """
    contents = {
        PAGE_FILE: render_page(series),
        CHANGES_FILE: changes_csv(series),
        JSON_FILE: json.dumps(facts(series), indent=2) + "\n",
    }
    return write_texts(folder, contents, overwrite=overwrite)


def render_page(series: Series) -> str:
    """The report's text; it needs no other file, and names neither the patient nor a date."""
    loaders = [PackageLoader(__package__, "templates"), PackageLoader(figures.__package__, "templates")]
    environment = Environment(loader=ChoiceLoader(loaders), autoescape=True, finalize=escape_for_page)
    return environment.get_template("follow-up.html").render(
        disclaimer=DISCLAIMER,
        version=__version__,
        series=series,
        parts=[(each, list(_pictured(each))) for each in series.comparisons],
        curves=pictures.draw_curves(series),
        most_curves=pictures.MOST_CURVES,
        within=(WITHIN_MM, 100 * WITHIN_DIAMETER, *(100 * share for share in WITHIN_VOLUME)),
    )


def _pictured(comparison: Comparison) -> Iterator[tuple[Change, tuple[str | None, ...]]]:
    """Rows with two pictures, one of them None where the place is not covered; rows behind many others have none."""
    for number, change in enumerate(comparison.changes):
        found = pictures.draw_pair(comparison, change) if number < MOST_PICTURES else ()
        yield change, tuple(figures.to_data_uri(image) if image else None for image in found)


def changes_csv(series: Series) -> str:
    """A row a lesion of each comparison, with a header; an empty cell is a measure that there is not."""
    rows = [
        {"comparison": number} | _row(change, comparison)
        for number, comparison in enumerate(series.comparisons, start=1)
        for change in comparison.changes
    ]
    return to_csv(COLUMNS, round_floats(rows, _DIGITS))


def _row(change: Change, comparison: Comparison) -> dict[str, Any]:
    (ml, ml_now), (mm, mm_now) = change.ml, change.diameter_mm
    before, after = change.before, change.after
    both = bool(before and after)
    return {
        "lesions_before": " ".join(str(one.number) for one in before),
        "lesions_after": " ".join(str(one.number) for one in after),
        "what": change.kind,
        "certainty": change.link.grade,
        "by_hand": "yes" if change.link.by_hand else "no",
        "volume_before_ml": ml if before else None,
        "volume_after_ml": ml_now if after else None,
        "volume_change_ml": ml_now - ml if both else None,
        "volume_change_percent": change.ml_percent if both else None,
        "diameter_before_mm": mm if before else None,
        "diameter_after_mm": mm_now if after else None,
        "diameter_change_mm": mm_now - mm if both else None,
        "diameter_change_percent": change.diameter_percent if both else None,
        "short_axis_before_mm": before[0].short_axial_diameter_mm if before else None,
        "short_axis_after_mm": after[0].short_axial_diameter_mm if after else None,
        "slice_before": before[0].slice if before else None,
        "slice_after": after[0].slice if after else None,
        "hu_before": before[0].mean_hu if before else None,
        "hu_after": after[0].mean_hu if after else None,
        "within_repeatability": "yes" if change.is_within_repeatability else "no" if both else None,
        "growth_percent_a_day": change.growth_rate,
        "doubling_days": change.doubling_days,
        "target": "yes" if set(change.link.earlier) & set(comparison.targets) else "no",
    }


def facts(series: Series) -> dict[str, Any]:
    """All of it, rounded to 3 digits after the point, ready for JSON; days stand for dates."""
    content = {
        "scans": [
            {"name": scan.name, "day": day, "slice_mm": scan.slice_mm, **scan.table.to_dict()}
            for scan, day in zip(series.scans, series.days, strict=True)
        ],
        "comparisons": [_comparison_facts(each) for each in series.comparisons],
        "tracks": [
            {"number": track.number, "lesions": [[one.number for one in found] for found in track.lesions]}
            for track in series.tracks
        ],
    }
    rounded: dict[str, Any] = round_floats(content, _DIGITS)
    return rounded | {"version": __version__}


def _comparison_facts(comparison: Comparison) -> dict[str, Any]:
    found = comparison.registration
    low, high = found.volume_change
    return {
        "days": comparison.days,
        "registration": {
            "stage": found.stage,
            "least_jacobian": low,
            "greatest_jacobian": high,
            "surface_mm": found.surface_mm,
        },
        "notes": list(comparison.notes),
        "changes": [_row(change, comparison) for change in comparison.changes],
        "sum_of_diameters": _sum_facts(comparison.sum_of_diameters),
    }


def _sum_facts(found: SumOfDiameters) -> dict[str, Any]:
    return {
        "targets": list(found.targets),
        "baseline_mm": found.baseline_mm,
        "smallest_mm": found.nadir_mm,
        "before_mm": found.before_mm,
        "now_mm": found.now_mm,
        "whole": found.whole,
        "from_baseline_percent": found.from_baseline_percent,
        "from_smallest_percent": found.from_nadir_percent,
        "new_lesions": found.new_lesions,
        "numbers_alone_would_give": found.category,
    }
