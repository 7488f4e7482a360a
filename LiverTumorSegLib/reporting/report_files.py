"""The files of a patient's report: an HTML page with pictures and lesion table, and the measures as CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from PIL import Image

from ..core.about import DISCLAIMER, __version__
from ..core.atomic_files import refuse_existing, refuse_unwritable
from ..core.labels import LESION, LIVER
from ..core.sanitize import escape_for_page
from ..core.text_files import write_texts
from ..inference.segment import Segmentation
from ..models.description import Description
from . import figures, surface_render
from .ct_identity import CTIdentity
from .lesions import MANY_LESIONS, LesionTable
from .other_structures import by_restriction, measure_structures, part_of
from .report_table import make_report_table


def render_page(
    segmentation: Segmentation,
    table: LesionTable,
    tell: Callable[[str], None] = lambda _: None,
    identity: CTIdentity | None = None,
) -> str:
    """The report's text; it needs no other file, and names neither patient nor CT where no identity is given.

    Of more than :data:`LiverTumorSegLib.reporting.lesions.MANY_LESIONS` lesions the largest are shown; ``lesions.csv``
    holds all.

    Args:
        segmentation: what was found, with the CT.
        table: the measures.
        tell: gets a sentence where the report lacks a picture; the report has it too.
        identity: name and day of the CT, where the user allows them.
    """
    labels, volume = segmentation.labels, segmentation.volume
    largest = next(iter(table.largest(1)), None)
    planes = figures.draw_three_planes(labels, volume, largest)
    surface, lacking = _surface(segmentation)
    if lacking:
        tell(lacking)
    shown = table.largest(MANY_LESIONS)
    environment = Environment(loader=PackageLoader(__package__, "templates"), autoescape=True, finalize=escape_for_page)
    return environment.get_template("report.html").render(
        disclaimer=DISCLAIMER,
        version=__version__,
        identity=identity,
        segmentation=segmentation,
        models=[(each, part_of(each, segmentation)) for each in segmentation.models],
        licences=by_restriction(segmentation.models),
        structures=measure_structures(segmentation),
        table=table,
        largest=largest,
        lesions=make_report_table(
            table, shown, lambda lesion: figures.to_data_uri(figures.draw_lesion(lesion, labels, volume))
        ),
        colours={"liver": LIVER.rgb, "lesion": LESION.rgb, "diameter": figures.DIAMETER_RGB},
        planes=[(name, figures.to_data_uri(image), image.width / image.height) for name, image in planes.items()],
        surface=figures.to_data_uri(surface) if surface else None,
        lacking=lacking,
        warnings=[*segmentation.warnings, *table.warnings],
        size=" × ".join(str(n) for n in reversed(volume.voxels.shape)),
        spacing=" × ".join(f"{mm:.2f}" for mm in reversed(volume.spacing)),
    )


def _surface(segmentation: Segmentation) -> tuple[Image.Image | None, str]:
    """The three-dimensional picture, or why there is none."""
    try:
        return surface_render.render_surfaces(segmentation.labels, segmentation.volume), ""
    except surface_render.NotDrawn as error:
        return None, str(error)


PAGE_FILE, LESIONS_FILE, PATIENT_FILE, JSON_FILE = "report.html", "lesions.csv", "patient.csv", "lesions.json"
FILE_NAMES = (PAGE_FILE, LESIONS_FILE, PATIENT_FILE, JSON_FILE)
REPORT_FILES = frozenset(FILE_NAMES)


def check(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it holds one of the files, or cannot be written to.
    """
    for name in sorted(REPORT_FILES):
        refuse_existing(folder / name, overwrite=overwrite)
        refuse_unwritable(folder / name)


def write(
    folder: Path,
    segmentation: Segmentation,
    table: LesionTable,
    tell: Callable[[str], None] = lambda _: None,
    *,
    identity: CTIdentity | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write ``report.html``, ``lesions.csv``, ``patient.csv`` and ``lesions.json`` into a folder.

    Args:
        folder: made where it is not there.
        segmentation: what was found, with the CT.
        table: the measures.
        tell: gets a sentence where the page lacks a picture.
        identity: name and day of the CT for the page; nothing else names them.
        overwrite: replace what is there already.

    Raises:
        UserError: one of the files exists, or the folder cannot be written to.
    """
    contents = {
        PAGE_FILE: render_page(segmentation, table, tell, identity),
        LESIONS_FILE: table.to_csv(),
        PATIENT_FILE: table.patient_csv((*segmentation.warnings, *table.warnings)),
        JSON_FILE: json.dumps(report_facts(segmentation, table), indent=2) + "\n",
    }
    return write_texts(folder, contents, overwrite=overwrite)


def _model_facts(model: Description, segmentation: Segmentation) -> dict[str, str]:
    return {
        "name": model.name,
        "marks": part_of(model, segmentation),
        "weights_sha256": model.weights.sha256,
        "licence": model.licence.name,
        "terms": model.licence.terms,
    }


def report_facts(segmentation: Segmentation, table: LesionTable) -> dict[str, Any]:
    """The measures with how they came about, ready for JSON; the same run always gives the same."""
    cleaning = segmentation.options.postprocessing
    return table.to_dict() | {
        "model": segmentation.model.name,
        "weights_sha256": segmentation.model.weights.sha256,
        "models": [_model_facts(each, segmentation) for each in by_restriction(segmentation.models)],
        "structures": [each.to_dict() for each in measure_structures(segmentation)],
        "device": segmentation.device,
        "coarse_pass": segmentation.options.coarse_pass,
        "postprocessing": cleaning.model_dump() if cleaning else {},
        "warnings": [*segmentation.warnings, *table.warnings],
    }
