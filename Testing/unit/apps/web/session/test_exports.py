import csv
import zipfile

import nibabel
import numpy as np
import pytest
import SimpleITK
from support.mrml_cases import GEOMETRIES, make_volume, transform, under
from support.mrml_cases import labels as numbered_labels
from support.web_scene import balls, result_of, web_app, web_views, world_positions  # noqa: F401

from LiverTumorSegLib.io.volumes import read_stored

LABELS = np.minimum(numbered_labels(), 2)
PLACES = [("plain", "none"), ("left-posterior", "none"), ("sagittal", "rotated"), ("oblique", "nested")]


@pytest.fixture
def result(web_app):  # noqa: F811
    def make(geometry="plain", kind="none", labels=LABELS, name="ct", **options):
        node = under(make_volume(GEOMETRIES[geometry], name=name), transform(kind))
        return result_of(labels, node, **options)[0]

    return make


def written_by(reader, path):
    """Labels as a program of others reads them, ``[k, j, i]``, and world RAS of three voxels."""
    voxels = np.array([[0, 0, 0], [7, 3, 2], [49, 39, 19]])
    if reader is nibabel:
        image = nibabel.load(path)
        return np.asarray(image.dataobj).T, nibabel.affines.apply_affine(image.affine, voxels)
    image = SimpleITK.ReadImage(str(path))
    places = [image.TransformIndexToPhysicalPoint(voxel) for voxel in voxels.tolist()]
    return SimpleITK.GetArrayFromImage(image), np.array(places) * [-1, -1, 1]


@pytest.mark.parametrize(("geometry", "kind"), PLACES)
@pytest.mark.parametrize(("ending", "reader"), [(".nii.gz", nibabel), (".nii.gz", SimpleITK), (".seg.nrrd", SimpleITK)])
def test_labels_lie_on_the_cts_own_grid_in_the_world(result, tmp_path, geometry, kind, ending, reader):
    from LiverTumorSegLib.apps.web.session import exports

    nodes = result(geometry, kind)
    path = exports.labels(nodes, tmp_path, ending)
    found, places = written_by(reader, path)
    assert np.array_equal(found, LABELS)
    world = world_positions(nodes.volume)
    assert np.allclose(places, [world[0, 0, 0], world[2, 3, 7], world[19, 39, 49]], atol=1e-3)
    assert path == tmp_path / f"ct{ending}"


def test_labels_are_those_of_the_segments_now_a_segment_a_lesion_or_not(result, tmp_path):
    import slicer

    from LiverTumorSegLib.apps.web.session import exports

    nodes = result(one_each=True)
    first = list(nodes.segments)[1]
    empty = np.zeros(LABELS.shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(empty, nodes.segmentation, first, nodes.volume)
    stored = read_stored(exports.labels(nodes, tmp_path, ".nii.gz"))
    assert np.array_equal(stored.values == 2, numbered_labels() == 3)


def test_a_segment_that_was_added_is_exported_too(result, tmp_path):
    import slicer

    from LiverTumorSegLib.apps.web.session import exports
    from LiverTumorSegLib.core.labels import LESION

    nodes = result(labels=np.minimum(LABELS, 1))
    segments = nodes.segmentation.GetSegmentation()
    name = segments.AddEmptySegment("mine", "mine")
    segments.GetSegment(name).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), LESION.terminology)
    mask = (LABELS == 2).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, nodes.segmentation, name, nodes.volume)
    assert np.array_equal(read_stored(exports.labels(nodes, tmp_path, ".seg.nrrd")).values, LABELS)
    with zipfile.ZipFile(exports.surfaces(nodes, tmp_path)) as zipped:
        assert zipped.namelist() == ["liver.stl", "liver lesion.stl"]


def test_the_table_is_what_was_measured(result, tmp_path):
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.web.session import exports

    nodes = result()
    path = exports.lesion_table(nodes, tmp_path)
    rows = list(csv.DictReader(path.open(newline="")))
    assert [float(row["volume_ml"]) for row in rows] == [row["volume_ml"] for row in mrml_tables.rows(nodes.table)]
    assert len(rows) == 2
    assert path.name == "ct lesions.csv"
    assert {row["origin"] for row in rows} == {"automatic"}


def test_the_report_is_its_page_under_the_cts_name(result, tmp_path):
    from LiverTumorSegLib.apps.web.session import exports

    (tmp_path / "made").mkdir()
    files = [tmp_path / "made" / name for name in ("lesions.csv", "report.html")]
    for file in files:
        file.write_text(f"<p>{file.name}")
    path = exports.report(result(name="of Ms. Ä/../<b>"), [str(file) for file in files], tmp_path)
    assert path == tmp_path / "of Ms. Ä_.._b_ report.html"
    assert path.read_text() == "<p>report.html"


def test_the_same_result_gives_the_same_bytes_in_place_of_the_earlier_file(result, tmp_path):
    from LiverTumorSegLib.apps.web.session import exports

    def contents(nodes):
        made = [exports.labels(nodes, tmp_path, ending) for ending in exports.LABEL_ENDINGS]
        made += [exports.lesion_table(nodes, tmp_path), exports.surfaces(nodes, tmp_path)]
        return {path.name: path.read_bytes() for path in made}

    first = contents(result(labels=balls()))
    assert contents(result(labels=balls())) == first
    assert {path.name for path in tmp_path.iterdir()} == set(first)
    assert len(first) == 4


@pytest.mark.parametrize("name", ["n" * 300, "肝" * 300])
def test_a_long_name_is_cut_so_that_a_file_can_have_it_and_keeps_its_ending(result, tmp_path, name):
    from LiverTumorSegLib.apps.web.session import exports

    path = exports.labels(result(name=name), tmp_path, ".nii.gz")
    assert path.is_file()
    assert path.name.startswith(name[:20])
    assert path.name.endswith(".nii.gz")
