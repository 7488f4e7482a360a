from pathlib import Path

import numpy as np
import pydicom
import pytest
from support import dicom_slices
from support.mrml_cases import transform, under
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.dicom_seg import names

pytestmark = pytest.mark.usefixtures("mrml")


@pytest.fixture
def series(small_phantom, tmp_path):
    """The phantom as a DICOM series: its files by the UIDs of their images."""
    slices = dicom_slices.plain(count=len(small_phantom.volume.voxels))
    columns, rows, along = np.linalg.norm(small_phantom.volume.affine[:3, :3], axis=0)
    for number, one in enumerate(slices):
        values = small_phantom.volume.voxels[number]
        dicom_slices.store(one, (values - dicom_slices.INTERCEPT).clip(0).astype(np.uint16))
        one.PixelSpacing, one.ImagePositionPatient = [rows, columns], [-200.0, -200.0, number * along]
    files = dicom_slices.write(slices, tmp_path / "series")
    return {pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID: str(file) for file in files}


@pytest.fixture
def node(series):
    """The series as Slicer loads it."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_dicom import INSTANCES

    volume = volumes.read_volume(Path(next(iter(series.values()))).parent, force=True)
    made = slicer.util.addVolumeFromArray(volume.voxels, slicer.util.vtkMatrixFromArray(volume.affine), "CT")
    made.SetAttribute(INSTANCES, " ".join(series))
    return made


def run(jobs, job, *arguments):
    got = []
    job(*arguments, got.append)
    settle(jobs.panel, lambda panel: panel.settled)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    return got[-1]


def test_corrected_segments_become_objects_of_the_cts_study(jobs, node, series, tmp_path):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_dicom import source_files, write_objects
    from LiverTumorSegLib.apps.panel.mrml_jobs import Request

    under(node, transform("shifted"))  # the study lies where the scanner had it, wherever Slicer shows it
    nodes = run(jobs, jobs.segment, Request(node, settings=PanelSettings(device="cpu"), surface=False))
    painted = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, "liver-lesion", node).copy()
    painted[:] = 0
    painted[20:23, 40:46, 40:46] = painted[10:14, 40:46, 60:64] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, nodes.segmentation, "liver-lesion", node)
    files = source_files(node, series.get)
    assert sorted(map(str, files)) == sorted(series.values())
    written = run(jobs, lambda *given: write_objects(jobs, *given), nodes, files, tmp_path / "objects")
    assert sorted(Path(file).name for file in written) == ["measurements.dcm", "segmentation.dcm"]
    kinds = names(tmp_path / "objects" / "segmentation.dcm")
    assert nodes.table.GetNumberOfRows() == len(kinds) - 1 == 2
    objects = [pydicom.dcmread(file) for file in written]
    assert {one.StudyInstanceUID for one in objects} == {"1.2.9"}
    assert all("corrected" in one.SeriesDescription for one in objects)
    assert b"painted" in (tmp_path / "objects" / "measurements.dcm").read_bytes()
    found = volumes.read_stored(tmp_path / "objects" / "segmentation.dcm")
    lesions = [label for label, name in kinds.items() if "esion" in name]
    held = np.isin(found.values, lesions)
    assert np.count_nonzero(held) == np.count_nonzero(painted)
    middle = np.argwhere(held).mean(axis=0)[::-1]
    there = np.argwhere(painted > 0).mean(axis=0)[::-1]
    original = volumes.read_volume(Path(files[0]).parent, force=True).affine
    assert np.allclose(found.affine @ [*middle, 1], original @ [*there, 1], atol=0.5)


def test_a_ct_from_elsewhere_says_why_there_are_none(node):
    from LiverTumorSegLib.apps.panel.mrml_dicom import INSTANCES, source_files

    node.RemoveAttribute(INSTANCES)
    with pytest.raises(UserError, match="“CT” was not loaded from DICOM"):
        source_files(node, {}.get)


def test_files_that_are_gone_are_counted(node, series):
    from LiverTumorSegLib.apps.panel.mrml_dicom import source_files

    first, second, *_ = series
    Path(series[first]).unlink()
    with pytest.raises(UserError, match=f"2 of the {len(series)} DICOM files of “CT” are not there any more"):
        source_files(node, (series | {second: ""}).get)
