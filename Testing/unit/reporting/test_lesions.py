import csv
import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.reporting.lesions import MANY_LESIONS, LesionTable, measure_lesions, number_lesions


def case(labels, spacing=(2.0, 1.0, 1.0), hounsfield=50):
    k, j, i = spacing
    return labels, Volume(np.full(labels.shape, hounsfield, np.int16), np.diag([-i, -j, k, 1.0]))


def liver(shape=(20, 60, 60)):
    labels = np.zeros(shape, np.uint8)
    labels[2:-2, 5:-5, 5:-5] = 1
    return labels


def ball(radius_mm, spacing):
    shape = tuple(int(2 * (radius_mm + 14) / mm) | 1 for mm in spacing)
    grid = np.indices(shape) - np.reshape([n // 2 for n in shape], (3, 1, 1, 1))
    labels = np.ones(shape, np.uint8)
    labels[(((grid * np.reshape(spacing, (3, 1, 1, 1))) ** 2).sum(axis=0)) < radius_mm**2] = 2
    return labels


def test_a_box_has_the_measures_of_a_box():
    labels = liver()
    labels[5:8, 10:14, 20:26] = 2
    labels_, volume = case(labels)
    volume.voxels[5:8, 10:14, 20:26] = np.where(np.arange(6) % 2, 30, 10)
    table = measure_lesions(labels_, volume)
    (lesion,) = table.lesions
    assert lesion.volume_ml == pytest.approx(3 * 4 * 6 * 2 / 1000)
    assert table.liver_ml == pytest.approx(16 * 50 * 50 * 2 / 1000)
    assert lesion.burden_percent == table.burden_percent == pytest.approx(100 * 72 / 40000)
    assert lesion.axial_diameter_mm == pytest.approx(np.hypot(6, 3))  # edge to edge along a row, across four rows
    assert lesion.diameter_mm == pytest.approx(np.sqrt(5**2 + 3**2 + 6**2))  # slice edge to slice edge
    assert lesion.short_axial_diameter_mm == pytest.approx(np.linalg.norm(np.diff(lesion.short_axial_line_mm, axis=0)))
    assert (lesion.mean_hu, lesion.sd_hu) == (20, 10)
    assert lesion.centroid_mm == pytest.approx((-22.5, -11.5, 12))
    assert lesion.surface_distance_mm == pytest.approx(5)  # rows 5 (surface) to 10 (lesion)
    assert lesion.slice == 6


@pytest.mark.parametrize("spacing", [(1.0, 0.7, 0.7), (3.0, 0.8, 0.8), (2.5, 1.0, 0.6)])
def test_a_ball_has_its_diameter_in_every_direction(spacing):
    table = measure_lesions(*case(ball(12, spacing), spacing))
    (lesion,) = table.lesions
    assert lesion.axial_diameter_mm == pytest.approx(24, abs=1.0)
    assert lesion.diameter_mm == pytest.approx(24, abs=max(1.2, spacing[0]))
    assert lesion.volume_ml == pytest.approx(4 / 3 * np.pi * 12**3 / 1000, rel=0.03)


def test_the_diameters_are_lines_in_the_patient():
    labels = liver()
    labels[5:8, 10:12, 20:26] = labels[6, 12, 20:28] = 2
    (lesion,) = measure_lesions(*case(labels)).lesions
    (r, a, s), (other_r, other_a, other_s) = sorted(lesion.axial_line_mm)
    assert (s, other_s, lesion.slice) == (12, 12, 7)  # slices 2 mm apart, the first at 0
    assert (r, other_r) == pytest.approx((-27.5, -19.5))  # voxels 20 to 27 of 1 mm, edge to edge
    assert (a, other_a) == pytest.approx((-12, -10))
    short = np.array(lesion.short_axial_line_mm)
    assert short[:, 2] == pytest.approx([12, 12])
    assert (short[1] - short[0]) @ np.subtract((r, a, s), (other_r, other_a, other_s)) == pytest.approx(0, abs=1e-9)


def test_lesions_that_touch_by_an_edge_alone_are_two_the_larger_first():
    labels = liver()
    labels[5, 10, 10] = 2
    labels[5, 11:13, 11] = 2
    labels_, volume = case(labels)
    table = measure_lesions(labels_, volume)
    assert [lesion.volume_ml for lesion in table.lesions] == pytest.approx([0.004, 0.002])
    numbers = number_lesions(labels_, volume)
    assert numbers.dtype == np.uint8
    assert numbers[5, 10, 10] == 1 + 2
    assert numbers[5, 12, 11] == 1 + 1
    assert np.array_equal(numbers.clip(0, 2), labels)
    assert labels_.max() == 2


def test_more_lesions_than_a_byte_counts_have_numbers_of_their_own():
    labels = liver()
    labels[1:-1:2, 2:-2:3, 2:-2:3] = np.where(labels[1:-1:2, 2:-2:3, 2:-2:3] == 1, 2, 0)
    labels_, volume = case(labels)
    count = len(measure_lesions(labels_, volume).lesions)
    assert count > 300
    numbers = number_lesions(labels_, volume)
    assert numbers.max() == 1 + count
    assert len(np.unique(numbers)) == 2 + count


def test_a_lesion_at_the_surface_is_at_no_distance():
    labels = liver()
    labels[8:10, 5:9, 20:24] = 2
    assert measure_lesions(*case(labels)).lesions[0].surface_distance_mm == 0


def test_a_liver_cut_by_the_volumes_border_has_no_surface_there():
    labels = np.ones((5, 40, 40), np.uint8)
    labels[:, 30:] = 0
    labels[0, 10, 0] = 2
    assert measure_lesions(*case(labels)).lesions[0].surface_distance_mm == pytest.approx(19)


def test_without_lesions_and_without_a_liver_all_is_zero():
    table = measure_lesions(*case(liver()))
    assert (table.lesions, table.burden_percent, table.lesion_ml) == ((), 0, 0)
    assert table.liver_ml > 0
    assert measure_lesions(*case(np.zeros((3, 4, 5), np.uint8))).liver_ml == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.tuples(*[st.floats(-40, 40)] * 3))
def test_no_axis_order_flip_or_turn_changes_a_measure(axes, flips, angles):
    labels = liver((12, 30, 30))
    labels[4:7, 10:15, 8:12] = labels[8, 20, 20] = 2
    random = np.random.default_rng(0)
    affine = np.diag([-0.8, -0.9, 2.0, 1.0])
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ affine[:3, :3]
    volume = Volume(random.normal(50, 20, labels.shape).astype(np.int16), affine)
    other = reordered(volume, tuple(axes), flips)
    moved = reordered(Volume(labels, affine), tuple(axes), flips).voxels
    first, second = (json.loads(measure_lesions(*pair).to_json()) for pair in ((labels, volume), (moved, other)))
    for one, another in zip(first["lesions"], second["lesions"], strict=True):
        places = [ct.affine @ [*lesion.pop("inside_voxel"), 1] for ct, lesion in ((volume, one), (other, another))]
        assert places[0] == pytest.approx(places[1])
    assert first == second


def test_json_and_csv_say_the_same():
    labels = liver()
    labels[5:8, 10:14, 20:26] = labels[12, 40, 40] = 2
    table = measure_lesions(*case(labels))
    content = json.loads(table.to_json())
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert content["lesion_count"] == len(rows) == 2
    for row, lesion in zip(rows, content["lesions"], strict=True):
        assert np.shape([lesion.pop("axial_line_mm"), lesion.pop("short_axial_line_mm")]) == (2, 2, 3)
        centroid = [float(row.pop(f"centroid_{axis}_mm")) for axis in "ras"]
        assert centroid == lesion.pop("centroid_mm")
        assert row.pop("probability") == ""
        assert lesion.pop("probability") is None
        assert (lesion.pop("note"), len(lesion.pop("inside_voxel"))) == ("", 3)
        assert lesion.pop("origin") is None
        assert lesion.pop("liver_segments") is None
        assert {name: float(value) for name, value in row.items()} == lesion


def test_the_patient_has_a_row_of_its_own():
    labels = liver()
    labels[5:8, 10:14, 20:26] = 2
    table = measure_lesions(*case(labels))
    (row,) = csv.DictReader(io.StringIO(table.patient_csv(["The liver is cut.", "It is odd, too."])))
    assert row.keys() == {"lesion_count", "liver_ml", "lesion_ml", "burden_percent", "warnings"}
    assert row["warnings"] == "The liver is cut. It is odd, too."
    assert float(row["lesion_ml"]) == pytest.approx(0.144)


def test_the_way_to_the_surface_is_the_shortest_of_all():
    random = np.random.default_rng(3)
    labels = liver((16, 40, 44))
    labels[random.random(labels.shape) < 0.002] = 0  # a ragged organ with pits
    labels[6:9, 15:22, 20:24] = 2
    spacing = (2.5, 0.8, 0.6)
    inside = labels > 0
    surface = np.argwhere(inside & ~ndimage.binary_erosion(inside, border_value=1)) * spacing
    lesion = np.argwhere(labels == 2) * spacing
    table = measure_lesions(*case(labels, spacing))
    assert table.lesions[0].surface_distance_mm == pytest.approx(cdist(lesion, surface).min())


@pytest.mark.parametrize("seed", [3, 34])
def test_single_voxels_deep_inside_an_oblique_volume_have_a_way_to_the_surface(seed):
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.normal(size=(18, 29, 29)), 0.5)
    labels = np.ones(noise.shape, np.uint8)
    labels[0] = labels[-1] = labels[:, 0] = 0
    labels[noise > np.quantile(noise, 0.97)] = 2
    affine = np.eye(4)
    affine[:3, :3] = random.normal(size=(3, 3))
    surface = np.argwhere((labels > 0) & ~ndimage.binary_erosion(labels > 0, border_value=1))[:, ::-1]
    surface = surface @ affine[:3, :3].T
    table = measure_lesions(labels, Volume(labels.astype(np.int16), affine))
    single = [lesion for lesion in table.lesions if lesion.volume_ml < 1.5 * abs(np.linalg.det(affine)) / 1000]
    assert len(single) > 50
    for lesion in single:
        assert lesion.surface_distance_mm == pytest.approx(cdist([lesion.centroid_mm], surface).min(), abs=1e-9)


def two_lesions():
    labels = np.zeros((9, 30, 30), np.uint8)
    labels[2:5, 4:8, 4:8] = labels[7, 20, 20] = 2
    return case(labels)


def test_where_lesions_alone_are_marked_nothing_is_said_of_the_liver():
    table, other = measure_lesions(*two_lesions(), ("background", "lesion")), measure_lesions(*two_lesions())
    assert (table.liver_ml, table.burden_percent) == (None, None)
    assert {(lesion.surface_distance_mm, lesion.burden_percent) for lesion in table.lesions} == {(None, None)}
    assert table.lesion_ml == other.lesion_ml == pytest.approx(49 * 2 / 1000)
    assert [x.diameter_mm for x in table.lesions] == [x.diameter_mm for x in other.lesions]
    assert other.burden_percent == 100


def test_what_is_not_known_is_null_in_json_and_an_empty_cell():
    table = measure_lesions(*two_lesions(), ("background", "lesion"))
    content = json.loads(table.to_json())
    assert content["liver_ml"] is content["burden_percent"] is content["lesions"][1]["burden_percent"] is None
    (patient,) = csv.DictReader(io.StringIO(table.patient_csv()))
    assert (patient["lesion_count"], patient["liver_ml"], patient["burden_percent"]) == ("2", "", "")
    for row in csv.DictReader(io.StringIO(table.to_csv())):
        assert (row["surface_distance_mm"], row["burden_percent"]) == ("", "")


def test_a_liver_added_by_hand_is_known():
    labels, volume = two_lesions()
    labels[1:6, 2:12, 2:12] = np.maximum(labels[1:6, 2:12, 2:12], 1)
    assert measure_lesions(labels, volume, ("background", "lesion")) == measure_lesions(labels, volume)


def test_no_lesion_of_a_model_of_lesions_alone_is_no_liver_of_nothing():
    table = measure_lesions(*case(np.zeros((3, 4, 5), np.uint8)), ("background", "lesion"))
    assert (table.liver_ml, table.lesion_ml, table.burden_percent, table.lesions) == (None, 0, None, ())


@pytest.mark.parametrize("count", [MANY_LESIONS, MANY_LESIONS + 1])
def test_more_lesions_than_anyone_reads_are_doubted(count):
    labels = np.ones((3, 31, 31), np.uint8)  # odd: every other voxel touches none
    labels[1].ravel()[: 2 * count : 2] = 2
    table = measure_lesions(*case(labels))
    assert len(table.lesions) == count
    told = [text.split(" ")[0] for text in table.warnings if "more than the reading" in text]
    assert told == ([str(count)] if count > MANY_LESIONS else [])


@pytest.mark.parametrize(("litres", "doubts"), [(9.9, 0), (42.4, 1)])
def test_a_liver_that_no_one_has_is_doubted(litres, doubts):
    table = LesionTable(1000 * litres, 0.0, 0.0, ())
    assert len(table.warnings) == doubts
    assert all(text == "A liver of 42.4 l cannot be: the model has not found it." for text in table.warnings)
