"""Several models from the panel on: segments of other structures in the scene, measured and reported again."""

import json

import numpy as np
import pytest
from support.cohort_cases import save
from support.model_sets import LESION, VESSEL, marked, scene, segments_model, vessel_model
from support.nnunet_models import write_banded_model
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401
from support.worker_here import WorkerHere

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from LiverTumorSegLib.core.structures import STRUCTURES

pytestmark = pytest.mark.usefixtures("mrml")
SETTINGS = PanelSettings(model="lesions", device="cpu", liver_model="livers", also=("vessels", "couinaud"))


@pytest.fixture
def panel(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(folder))
    write_banded_model(folder / "lesions", ["background", "lesion", ""], [-30, 40], name="lesions")
    write_banded_model(folder / "livers", ["background", "liver", ""], [40, 80], name="livers")
    vessel_model(folder)
    segments_model(folder)
    return Panel(WorkerHere(tmp_path))


@pytest.fixture
def jobs(panel):
    from LiverTumorSegLib.apps.panel.mrml_jobs import SceneJobs

    return SceneJobs(panel)


@pytest.fixture
def node(mrml):  # noqa: F811
    import slicer

    ct = scene()
    return slicer.util.addVolumeFromArray(ct.voxels, slicer.util.vtkMatrixFromArray(ct.affine), "CT")


def run(jobs, job, *arguments, **options):
    got = []
    job(*arguments, got.append, **options)
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    return got[0]


def test_a_ct_of_a_folder_is_segmented_with_every_chosen_model(panel, tmp_path):
    from LiverTumorSegLib.apps.panel.mrml_batch import folder_items

    save(tmp_path / "ct.nii.gz", scene())
    case, got = {"name": "ct", "path": str(tmp_path / "ct.nii.gz"), "series": None}, []
    (item,) = folder_items(panel, [case], tmp_path, SETTINGS)
    item.start(lambda table, warnings: got.append(table))
    settle(panel)
    assert panel.state is PanelState.DONE, panel.error + panel.details
    assert got[0]["liver_ml"] > 0
    assert b"liver vessels" in (tmp_path / "ct.seg.nrrd").read_bytes()


def run_at_once(jobs, job, nodes):
    got = []
    job(nodes, got.append)
    settle(jobs.panel)
    return got[0]


def segment(jobs, node, **fields):
    from LiverTumorSegLib.apps.panel.mrml_jobs import Request

    return run(jobs, jobs.segment, Request(node, **{"settings": SETTINGS, "surface": False} | fields))


def names(nodes):
    segments = nodes.segmentation.GetSegmentation()
    return [segments.GetNthSegment(number).GetName() for number in range(segments.GetNumberOfSegments())]


def test_other_structures_become_segments_with_their_terms_beside_liver_and_lesions(jobs, node):
    import slicer

    nodes = segment(jobs, node)
    assert names(nodes) == ["liver", "liver lesion", "liver vessels", "liver segment II", "liver segment VI"]
    segments = nodes.segmentation.GetSegmentation()
    assert segments.GetNumberOfLayers() == 3
    vessels = segments.GetSegmentIdBySegmentName("liver vessels")
    found = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, vessels, node)
    assert np.array_equal(found > 0, marked(VESSEL))
    code, meaning = STRUCTURES["liver_vessels"].kind
    assert f"~SCT^{code}^{meaning}~" in segments.GetSegment(vessels).GetTerminology()
    assert list(nodes.segments.values()) == [1, 2]  # they are no part of what is measured
    assert nodes.facts["liver_ml"] > nodes.facts["lesion_ml"] > 0


def test_the_table_says_in_which_segment_of_the_liver_a_lesion_lies(jobs, node):
    nodes = segment(jobs, node)
    column = nodes.table.GetColumnIndex("liver segments")
    assert [nodes.table.GetCellText(row, column) for row in range(2)] == ["II", "II"]


def test_corrections_are_measured_and_reported_with_the_segments_as_they_are_then(jobs, node, tmp_path):
    import slicer

    nodes = segment(jobs, node)
    segments = nodes.segmentation.GetSegmentation()
    second = segments.GetSegmentIdBySegmentName("liver segment II")
    painted = np.zeros(scene().voxels.shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, nodes.segmentation, second, node)
    sixth = segments.GetSegmentIdBySegmentName("liver segment VI")
    painted[LESION] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, nodes.segmentation, sixth, node)
    nodes = run(jobs, jobs.measure, nodes)
    column = nodes.table.GetColumnIndex("liver segments")
    assert {nodes.table.GetCellText(row, column) for row in range(2)} == {"VI", "-"}
    files = run(jobs, jobs.report, nodes, tmp_path / "report", overwrite=False)
    assert files
    facts = json.loads((tmp_path / "report" / "lesions.json").read_text())
    assert {each["name"] for each in facts["models"]} == {"lesions", "livers", "vessels", "couinaud"}
    volumes = {each["name"]: each["volume_ml"] for each in facts["structures"]}
    assert volumes["liver_segment_6"] == pytest.approx(marked(LESION).sum() * scene().voxel_ml)


def test_another_run_adds_beside_and_one_that_replaces_takes_the_earlier_structures_away(jobs, node):
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    nodes = segment(jobs, node)
    segment(jobs, node, segmentation=nodes.segmentation)
    assert names(nodes).count("liver vessels") == 1
    assert "liver vessels (2)" in names(nodes)
    alone = PanelSettings(model="lesions", device="cpu")
    segment(jobs, node, segmentation=nodes.segmentation, settings=alone, output=SegmentOutput(replace=True))
    assert names(nodes) == ["liver", "liver lesion"]


def test_a_run_that_is_taken_back_brings_the_structures_before_it_back_and_again(jobs, node):
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    nodes, alone = segment(jobs, node), PanelSettings(model="lesions", device="cpu")
    before = names(nodes)
    output = SegmentOutput(replace=True)
    nodes = segment(jobs, node, segmentation=nodes.segmentation, settings=alone, output=output)
    nodes = run_at_once(jobs, jobs.undo, nodes)
    assert sorted(names(nodes)) == sorted(before)
    nodes = run_at_once(jobs, jobs.redo, nodes)
    assert names(nodes) == ["liver", "liver lesion"]


def test_the_panel_lists_models_by_what_they_can_be(panel):
    panel.open()
    settle(panel, lambda panel: panel.models_known)
    assert {model["name"] for model in panel.segmenting_models} == {"unet-lits", "lesions", "livers"}
    assert {model["name"] for model in panel.liver_models("lesions")} == {"unet-lits", "livers"}
    assert {model["name"] for model in panel.liver_models("livers")} == {"unet-lits"}
    assert {model["name"] for model in panel.other_models("lesions")} == {"vessels", "couinaud"}
