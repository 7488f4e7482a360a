"""The files that a browser session takes away: each is there whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...files import write_labels
from ...mrml import tables
from ...mrml.jobs import Nodes
from ...mrml.segmentations import added, labels_of
from ...mrml.volumes import volume_of
from ...panel_texts import file_name, table
from ...whole_files import whole_file
from ..file_names import safe_name
from .surfaces import write_surfaces

LABEL_ENDINGS = (".seg.nrrd", ".nii.gz")


def labels(nodes: Nodes, folder: Path, ending: str) -> Path:
    """Write liver and lesions as they are now, on the CT's own grid.

    Args:
        nodes: the result.
        folder: gets the file, in place of an earlier one.
        ending: one of :data:`LABEL_ENDINGS`.

    Returns:
        The file.

    Raises:
        UserError: the segments are gone, or the format cannot hold the CT's grid.
    """
    found, _ = labels_of(nodes.segmentation, nodes.volume, kinds(nodes))
    path = _path(nodes, folder, ending)
    write_labels(path, found, volume_of(nodes.volume), overwrite=True)
    return path


def lesion_table(nodes: Nodes, folder: Path) -> Path:
    """Write the table as it was measured last, as CSV; returns the file."""
    return _write(_path(nodes, folder, " lesions.csv"), table(tables.rows(nodes.table), ",").encode())


def surfaces(nodes: Nodes, folder: Path) -> Path:
    """Write the surfaces of liver and lesions as they are now as STL, zipped; returns the file.

    Raises:
        UserError: there is nothing that has a surface.
    """
    path = _path(nodes, folder, " surfaces.zip")
    with whole_file(path, overwrite=True) as unfinished:
        write_surfaces(unfinished, nodes.segmentation, kinds(nodes))
    return path


def report(nodes: Nodes, files: Sequence[str], folder: Path) -> Path:
    """Give the page of a report, which holds its pictures, a name of its own; returns the file.

    Args:
        nodes: the result.
        files: as :meth:`LiverTumorSegLib.mrml.jobs.SceneJobs.report` made them.
        folder: gets the page, in place of an earlier one.
    """
    page = next(file for file in files if file.endswith(".html"))
    return _write(_path(nodes, folder, " report.html"), Path(page).read_bytes())


def kinds(nodes: Nodes) -> dict[str, int]:
    """IDs of the result's segments, and of those that were added, and whether they are liver (1) or lesion (2)."""
    return nodes.segments | added(nodes.segmentation, nodes.segments)


def _path(nodes: Nodes, folder: Path, ending: str) -> Path:
    return folder / safe_name(f"{file_name(nodes.volume.GetName())}{ending}")


def _write(path: Path, content: bytes) -> Path:
    with whole_file(path, overwrite=True) as unfinished:
        unfinished.write_bytes(content)
    return path
