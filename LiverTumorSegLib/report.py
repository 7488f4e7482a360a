"""One HTML file a clinician can read: pictures, lesion table, model, warnings."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader

from . import DISCLAIMER, __version__, pictures, render
from .inference import Segmentation
from .lesions import MANY, LesionTable
from .visible import in_page


def html(segmentation: Segmentation, table: LesionTable) -> str:
    """The report's text; it needs no other file and names neither the patient nor the file the CT came from.

    Of more than :data:`LiverTumorSegLib.lesions.MANY` lesions the largest are shown; ``lesions.csv`` holds all.
    """
    labels, volume = segmentation.labels, segmentation.volume
    centre = table.lesions[0].centroid_mm if table.lesions else None
    planes = pictures.three_planes(labels, volume, centre)
    surface = render.surfaces(labels, volume)
    environment = Environment(loader=PackageLoader(__package__, "templates"), autoescape=True, finalize=in_page)
    return environment.get_template("report.html").render(
        disclaimer=DISCLAIMER,
        version=__version__,
        segmentation=segmentation,
        model=segmentation.model,
        table=table,
        rows=[(row, pictures.data_uri(pictures.lesion_picture(row, labels, volume))) for row in table.lesions[:MANY]],
        planes={name: pictures.data_uri(image) for name, image in planes.items()},
        surface=pictures.data_uri(surface) if surface else None,
        warnings=[*volume.warnings, *segmentation.notes, *table.warnings],
        size=" × ".join(str(n) for n in reversed(volume.voxels.shape)),
        spacing=" × ".join(f"{mm:.2f}" for mm in reversed(volume.spacing)),
    )
