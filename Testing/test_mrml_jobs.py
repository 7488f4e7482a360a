import numpy as np
import pytest
from conftest import settle
from mrml_cases import placed, transform, under
from slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.job_runner import State
from LiverTumorSegLib.lesions import measure
from LiverTumorSegLib.panel import Panel, Settings

pytestmark = pytest.mark.usefixtures("mrml")
CPU = Settings(device="cpu")


@pytest.fixture
def jobs(warm_worker, mrml):  # noqa: F811
    from LiverTumorSegLib.mrml.jobs import SceneJobs

    return SceneJobs(Panel(warm_worker))


@pytest.fixture
def node(small_phantom, mrml):  # noqa: F811
    import slicer

    affine = slicer.util.vtkMatrixFromArray(small_phantom.volume.affine)
    return slicer.util.addVolumeFromArray(small_phantom.volume.voxels, affine, "CT")


def run(jobs, job, *arguments, **options):
    got = []
    job(*arguments, got.append, **options)
    settle(jobs.panel)
    assert jobs.panel.state is State.DONE, jobs.panel.error + jobs.panel.details
    return got[0]


def request(node, **fields):
    from LiverTumorSegLib.mrml.jobs import Request

    return Request(node, **{"settings": CPU} | fields)


def labels_in(nodes):
    from LiverTumorSegLib.mrml.segmentations import labels_of

    return labels_of(nodes.segmentation, nodes.volume, nodes.segments)


def test_a_ct_becomes_segments_and_a_table(jobs, node, small_phantom):
    from LiverTumorSegLib.mrml import tables

    nodes = run(jobs, jobs.segment, request(node))
    found = labels_in(nodes)
    assert dice(found > 0, small_phantom.labels > 0) > 0.9
    table = measure(found, small_phantom.volume).to_dict()
    assert nodes.facts["liver_ml"] == table["liver_ml"]
    assert [row["volume_ml"] for row in tables.rows(nodes.table)] == [x["volume_ml"] for x in table["lesions"]]
    assert nodes.facts["run"]["model"] == "unet-lits"
    assert nodes.segmentation.GetName() == "CT liver and lesions"


@pytest.mark.parametrize("kind", ["rotated", "grid"])
def test_the_table_says_where_lesions_lie_in_the_world(jobs, node, kind):
    from LiverTumorSegLib.mrml import tables
    from LiverTumorSegLib.mrml.volumes import to_world

    under(node, transform(kind))
    nodes = run(jobs, jobs.segment, request(node))
    rows = tables.rows(nodes.table)
    assert rows
    lesions = np.argwhere(labels_in(nodes) == 2)[:, ::-1].astype(float)
    weights = [row["volume_ml"] for row in rows]
    middle = np.average([[row["r"], row["a"], row["s"]] for row in rows], axis=0, weights=weights)
    assert np.allclose(middle, to_world(node, lesions).mean(axis=0), atol=0.6)  # a bent lesion's mean bends too


def test_any_place_and_order_of_the_ct_gives_the_same_patient(jobs, node, small_phantom):
    """A mirrored and transposed array under a turned transform, undone by its own geometry."""
    import slicer

    first = run(jobs, jobs.segment, request(node))
    turn = placed(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), (1, 1, 1), (9, 8, 7))
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn))
    flipped = np.ascontiguousarray(small_phantom.volume.voxels.transpose(2, 0, 1)[:, ::-1])
    affine = small_phantom.volume.affine[:, [1, 2, 0, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (flipped.shape[1] - 1)
    affine[:3, 1] *= -1
    inverse = slicer.util.vtkMatrixFromArray(np.linalg.inv(turn) @ affine)
    other = under(slicer.util.addVolumeFromArray(flipped, inverse, "other"), parent)
    second = run(jobs, jobs.segment, request(other))
    assert np.array_equal(labels_in(second)[:, ::-1].transpose(1, 2, 0), labels_in(first))
    assert second.facts["lesion_ml"] == pytest.approx(first.facts["lesion_ml"], abs=1e-3)


def test_a_region_limits_the_work(jobs, node, small_phantom):
    from LiverTumorSegLib.mrml.volumes import to_world

    k, j, i = (int(n) for n in np.argwhere(small_phantom.labels > 0).mean(axis=0))
    centre = to_world(node, np.array([[i, j, k]], float))[0]
    from test_mrml_regions import make_roi

    roi = make_roi(centre, (100, 300, 300), transform("none"))
    nodes = run(jobs, jobs.segment, request(node, roi=roi))
    found = labels_in(nodes)
    assert found.any()
    columns = np.flatnonzero(found.any(axis=(0, 1)))
    assert columns.max() - columns.min() <= 100 / 4
    assert any("Only a region" in warning for warning in nodes.facts["warnings"])
    assert nodes.facts["liver_ml"] == pytest.approx((found > 0).sum() * small_phantom.volume.voxel_ml, abs=1e-3)


def test_a_turned_region_is_measured_as_it_is_cut(jobs, node, small_phantom):
    from test_mrml_regions import make_roi

    roi = make_roi((40, 0, -40), (90, 120, 110), transform("rotated"))
    nodes = run(jobs, jobs.segment, request(node, roi=roi))
    found = labels_in(nodes)
    assert found.any()
    assert nodes.facts["liver_ml"] == pytest.approx((found > 0).sum() * small_phantom.volume.voxel_ml, abs=1e-3)


def test_corrections_by_hand_are_measured(jobs, node, small_phantom):
    nodes = run(jobs, jobs.segment, request(node))
    _liver, *lesions = nodes.segments
    for name in lesions:
        nodes.segmentation.GetSegmentation().RemoveSegment(name)
    measured = run(jobs, jobs.measure, nodes)
    assert measured.facts["lesion_count"] == 0
    assert measured.facts["liver_ml"] == pytest.approx(
        (labels_in(nodes) > 0).sum() * small_phantom.volume.voxel_ml, abs=1e-3
    )
    assert measured.facts["run"] == nodes.facts["run"]
    assert measured.table.GetNumberOfRows() == 0


def test_the_report_follows_the_scene(jobs, node, tmp_path):
    nodes = run(jobs, jobs.segment, request(node))
    files = run(jobs, jobs.report, nodes, tmp_path / "report", overwrite=False)
    assert sorted(files) == sorted(str(path) for path in (tmp_path / "report").iterdir())


def test_the_preview_is_a_volume_beside_the_ct(jobs, node):
    import slicer

    shown = run(jobs, jobs.preview, node, "unet-lits")
    array = slicer.util.arrayFromVolume(shown)
    assert shown.GetName() == "CT preprocessed"
    assert 0 <= array.min() < array.max() <= 1
    ours, theirs = [0.0] * 6, [0.0] * 6
    node.GetRASBounds(ours)
    shown.GetRASBounds(theirs)
    assert np.allclose(ours, theirs)


@pytest.mark.parametrize("gone", ["volume", "segmentation"])
def test_a_node_that_is_removed_meanwhile_is_one_sentence(jobs, node, gone):
    import slicer

    target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    jobs.segment(request(node, segmentation=target), pytest.fail)
    slicer.mrmlScene.RemoveNode({"volume": node, "segmentation": target}[gone])
    settle(jobs.panel)
    assert jobs.panel.state is State.FAILED
    assert "was removed from the scene meanwhile" in jobs.panel.error
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0


def test_segments_that_are_gone_cannot_be_measured(jobs, node):
    import slicer

    nodes = run(jobs, jobs.segment, request(node))
    slicer.mrmlScene.RemoveNode(nodes.segmentation)
    with pytest.raises(UserError, match="was removed from the scene"):
        jobs.measure(nodes, pytest.fail)
