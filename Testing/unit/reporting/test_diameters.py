import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from LiverTumorSegLib.reporting.diameters import axial_diameter, axial_lines, diameter


def faces(mask, axes_mm, directions):
    """The middle of every face of every voxel, in mm."""
    steps = np.concatenate([np.eye(3)[list(directions)], -np.eye(3)[list(directions)]]) / 2
    return (np.argwhere(mask)[:, None] + steps).reshape(-1, 3) @ axes_mm


def test_one_voxel_is_as_long_as_its_longer_side():
    mask = np.ones((1, 1, 1), bool)
    assert axial_diameter(mask, np.diag([2.0, 0.7, 0.9])) == (pytest.approx(0.9), 0)
    assert diameter(mask, np.diag([2.0, 0.7, 0.9])) == pytest.approx(2.0)


def test_a_box_is_measured_between_the_middles_of_its_outer_faces():
    mask = np.ones((3, 4, 6), bool)
    axes_mm = np.diag([2.0, 1.0, 1.0])
    assert axial_diameter(mask, axes_mm)[0] == pytest.approx(np.hypot(6, 3))  # edge to edge along a row, four rows
    assert diameter(mask, axes_mm) == pytest.approx(np.sqrt(5**2 + 3**2 + 6**2))  # slice edge to slice edge


def test_nothing_is_no_length():
    assert axial_diameter(np.zeros((2, 3, 3), bool), np.eye(3)) == (0, 0)
    assert diameter(np.zeros((2, 3, 3), bool), np.eye(3)) == 0


def test_the_slice_of_the_axial_diameter_is_the_first_longest():
    mask = np.zeros((4, 3, 9), bool)
    mask[0, 1, 2] = mask[1, 1, 2:7] = mask[2, 1, 3:8] = True
    assert axial_diameter(mask, np.eye(3)) == (5, 1)


@pytest.mark.parametrize("seed", range(6))
def test_no_two_faces_of_any_mask_are_further_apart(seed):
    random = np.random.default_rng(seed)
    mask = random.random((5, 8, 9)) < 0.2
    axes_mm = np.diag([2.5, 0.8, 0.7]) @ Rotation.from_euler(
        "xyz", random.uniform(-1, 1, 3)
    ).as_matrix() + random.normal(0, 0.05, (3, 3))
    assert diameter(mask, axes_mm) == pytest.approx(pdist(faces(mask, axes_mm, (0, 1, 2))).max())
    slices = [pdist(faces(plane[None], axes_mm, (1, 2))).max(initial=0) for plane in mask]
    assert axial_diameter(mask, axes_mm) == (pytest.approx(max(slices)), np.argmax(slices))


def test_a_big_ragged_lesion_is_measured_as_by_all_its_corners():
    mask = np.random.default_rng(0).random((20, 70, 70)) < 0.9
    mask[0, 0, 0] = mask[19, 69, 69] = True
    axes_mm = np.diag([2.0, 1.0, 1.0])
    corners = np.zeros_like(mask)  # nothing further in can be longer than these
    corners[::19, ::69, ::69] = mask[::19, ::69, ::69]
    assert diameter(mask, axes_mm) == pytest.approx(pdist(faces(corners, axes_mm, (0, 1, 2))).max())


def test_a_big_ragged_slice_is_measured_as_by_all_its_points():
    random = np.random.default_rng(1)
    mask = np.zeros((1, 900, 900), bool)
    mask[0] = random.random((900, 900)) < 0.001  # some 800 lines each way: more points than are compared one by one
    axes_mm = np.diag([2.0, 0.8, 0.7])
    assert axial_diameter(mask, axes_mm)[0] == pytest.approx(pdist(faces(mask, axes_mm, (1, 2))).max(), rel=1e-6)


def test_no_turn_of_the_grid_changes_a_diameter():
    mask = np.random.default_rng(2).random((4, 12, 12)) < 0.5
    axes_mm = np.diag([3.0, 0.8, 0.7])
    turned = axes_mm @ Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix()
    assert diameter(mask, turned) == pytest.approx(diameter(mask, axes_mm))
    assert axial_diameter(mask, turned)[0] == pytest.approx(axial_diameter(mask, axes_mm)[0])


SHAPES = {
    "one voxel": ["1"],
    "a row": ["11111"],
    "a column": ["1", "1", "1", "1"],
    "a diagonal": ["1000", "0100", "0010", "0001"],
    "a box": ["111111", "111111", "111111"],
    "with a bay": ["111111", "100001", "100001", "110011"],
    "with a hole": ["01110", "11011", "10001", "11111"],
    "two parts": ["1100000", "1000000", "0000111"],
}
GRIDS = {
    "square": np.diag([5.0, 1, 1]),
    "oblong": np.diag([5.0, 0.7, 0.9]),
    "sheared": np.array([[0, 0, 5.0], [0.5, 0.8, 0.1], [0.9, 0, 0.2]]),
    "turned": np.diag([2.0, 0.6, 0.8]) @ Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix(),
}


def widest_across(points, axes_mm, along):
    """The longest line at right angles to ``along`` in the hull of points in a plane, by trying many."""
    across = np.cross(np.cross(axes_mm[1], axes_mm[2]), along)
    flat = points @ np.column_stack([along, across / np.linalg.norm(across)])
    (first, second, offset), tried = (
        ConvexHull(flat).equations.T,
        np.linspace(*np.ptp(flat, axis=0)[:1] * [[0], [1]], 4001),
    )
    bounds = -(offset + first * (tried + flat[:, 0].min()))
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = bounds / second
    upper = np.where(second > 1e-9, crossed, np.inf).min(axis=1)
    lower = np.where(second < -1e-9, crossed, -np.inf).max(axis=1)
    return (upper - lower).max()


def plane_of(text):
    return np.array([[pixel == "1" for pixel in line] for line in text])


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("plane", [*map(plane_of, SHAPES.values()), *range(4)], ids=[*SHAPES, *map(str, range(4))])
def test_the_short_axis_is_the_longest_line_across_the_longest_diameter(plane, grid):
    if isinstance(plane, int):
        plane = np.random.default_rng(plane).random((9, 12)) < 0.3
    axes_mm = GRIDS[grid]
    points = faces(plane[None], axes_mm, (1, 2))
    lines = axial_lines(plane, axes_mm)
    long, short = np.diff(lines.long, axis=0)[0], np.diff(lines.short, axis=0)[0]
    assert np.linalg.norm(long) == pytest.approx(pdist(points).max())
    assert abs(long @ short) < 1e-9
    assert abs(np.cross(axes_mm[1], axes_mm[2]) @ lines.short.T).max() < 1e-9
    expected = widest_across(points, axes_mm, long / np.linalg.norm(long))
    assert np.linalg.norm(short) == pytest.approx(expected, rel=2e-3)
    assert np.linalg.norm(short) > expected - 1e-9
    flat = points @ np.linalg.svd(points)[2][:2].T
    for end in [*lines.long, *lines.short]:
        equations = ConvexHull(flat).equations
        assert (equations @ [*(end @ np.linalg.svd(points)[2][:2].T), 1]).max() == pytest.approx(0, abs=1e-9)


def test_the_short_axis_of_a_box_is_its_shorter_side_seen_from_the_diagonal():
    lines = axial_lines(np.ones((1, 5), bool), np.eye(3))
    assert np.sort(lines.long[:, 2]) == pytest.approx([-0.5, 4.5])
    assert np.diff(lines.short, axis=0)[0] == pytest.approx([0, 1, 0], abs=1e-12)
    assert lines.short.mean(axis=0) == pytest.approx([0, 0, 2])  # in the middle of all that are as long
