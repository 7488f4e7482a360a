"""Surface distances by hand, by brute force, and beside MONAI and surface-distance on real masks."""

from dataclasses import asdict
from functools import lru_cache
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import surface_distance
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from PIL import Image
from scipy import ndimage
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from support.repository import SHARED

from LiverTumorSegLib.evaluation import surface
from LiverTumorSegLib.evaluation.surface import measure

ROUNDING_MM = 1e-4
CONNECTIVITIES = {6: 1, 18: 2, 26: 3}
SHEAR = np.array([[1, 0.3, -0.2], [0, 1, 0.4], [0, 0, 1]])
TURN = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()
MASKS = ("coarse liver", "LiTS liver", "LiTS lesions")


def empty(*shape):
    return np.zeros(shape, bool)


def voxel(shape, *at):
    mask = empty(*shape)
    mask[at] = True
    return mask


def cube(start, size=3, shape=(8, 9, 10)):
    mask = empty(*shape)
    mask[tuple(slice(s, s + size) for s in start)] = True
    return mask


def shell(centre, radius, spacing, shape=(20, 40, 44)):
    """Voxels within half a slice of a sphere."""
    grid = (np.indices(shape) - np.reshape(centre, (3, 1, 1, 1))) * np.reshape(spacing, (3, 1, 1, 1))
    return abs(np.linalg.norm(grid, axis=0) - radius) < spacing[0] / 2


def distances(prediction, reference, axes, connectivity=18):
    """Both surfaces' distances, from every pair of their voxels."""
    structure = ndimage.generate_binary_structure(3, CONNECTIVITIES[connectivity])
    one, other = (np.argwhere(m & ~ndimage.binary_erosion(m, structure)) @ axes for m in (prediction, reference))
    pairs = cdist(one, other)
    return pairs.min(axis=1), pairs.min(axis=0)


def summary(one, other, tolerance_mm):
    both = np.concatenate([one, other])
    return {
        "assd_mm": both.mean(),
        "rmsd_mm": (both**2).mean() ** 0.5,
        "hd_mm": both.max(),
        "hd95_mm": max(np.percentile(one, 95), np.percentile(other, 95)),
        "surface_dice": np.count_nonzero(both <= tolerance_mm + ROUNDING_MM) / len(both),
    }


def expected(prediction, reference, axes, connectivity=18, tolerance_mm=2.0):
    return summary(*distances(prediction, reference, axes, connectivity), tolerance_mm)


def measured(*args, **options):
    return pytest.approx(asdict(measure(*args, **options)), rel=1e-6, abs=1e-9)


def test_two_voxels_are_as_far_apart_as_their_centres():
    one, other = voxel((4, 4, 4), 1, 1, 1), voxel((4, 4, 4), 2, 2, 2)
    spacing = (12.0, 4.0, 3.0)
    assert asdict(measure(one, other, spacing)) == pytest.approx(
        {"assd_mm": 13, "rmsd_mm": 13, "hd_mm": 13, "hd95_mm": 13, "surface_dice": 0}
    )
    assert measure(one, other, spacing, tolerance_mm=13).surface_dice == 1


def test_a_cube_and_its_shifted_copy_have_the_distances_that_one_counts():
    """Of a cube's 26 surface voxels 10 are one voxel from the other's: the outer face and, opposite, the middle."""
    result = measure(cube((2, 3, 3)), cube((2, 3, 4)), (5.0, 2.0, 1.5), tolerance_mm=1.0)
    assert asdict(result) == pytest.approx(
        {
            "assd_mm": 1.5 * 10 / 26,
            "rmsd_mm": 1.5 * (10 / 26) ** 0.5,
            "hd_mm": 1.5,
            "hd95_mm": 1.5,
            "surface_dice": 16 / 26,
        }
    )


@pytest.mark.parametrize(
    ("missing", "seen_by"), [((2, 3, 4), {6, 18, 26}), ((2, 2, 4), {18, 26}), ((2, 2, 3), {26}), ((9, 0, 0), set())]
)
def test_the_connectivity_says_which_missing_neighbour_puts_a_voxel_on_the_surface(missing, seen_by):
    shape = (10, 9, 10)
    mask = cube((2, 2, 3), shape=shape) & ~voxel(shape, *missing)
    middle = voxel(shape, 3, 3, 4)
    for connectivity in CONNECTIVITIES:
        touches = measure(mask, middle, (1.0, 1.0, 1.0), connectivity=connectivity, tolerance_mm=0).surface_dice > 0
        assert touches == (connectivity in seen_by)


def test_the_95th_percentile_is_the_larger_of_both_surfaces_and_not_that_of_all_distances():
    line, end = empty(1, 1, 99), voxel((1, 1, 99), 0, 0, 0)
    line[:] = True
    for pair in ((line, end), (end, line)):
        assert measure(*pair, (1.0, 1.0, 1.0)).hd95_mm == pytest.approx(0.95 * 98)
    assert np.percentile([0, *range(99)], 95) == pytest.approx(0.95 * 99 - 1)  # as MedPy


def test_equal_masks_are_at_no_distance():
    result = measure(cube((2, 2, 2)), cube((2, 2, 2)), (3.0, 1.0, 1.0), tolerance_mm=0)
    assert asdict(result) == {"assd_mm": 0, "rmsd_mm": 0, "hd_mm": 0, "hd95_mm": 0, "surface_dice": 1}


def test_beyond_the_array_all_is_background():
    whole, middle = ~empty(5, 6, 7), voxel((5, 6, 7), 2, 3, 3)
    wider = [np.pad(mask, 3) for mask in (whole, middle)]
    for connectivity in CONNECTIVITIES:
        result = measure(whole, middle, (2.0, 1.0, 1.0), connectivity=connectivity)
        assert result == measure(*wider, (2.0, 1.0, 1.0), connectivity=connectivity)
        assert result.hd_mm == pytest.approx(np.linalg.norm([2 * 2, 3, 3]))


@pytest.mark.parametrize(("spacing", "steps"), [(0.7, 3), (0.8, 5), (1.1, 4)])
def test_the_tolerance_itself_counts_although_files_round_spacings(spacing, steps):
    one, other = voxel((1, 1, 9), 0, 0, 0), voxel((1, 1, 9), 0, 0, steps)
    axes = TURN * float(np.float32(spacing))
    assert measure(one, other, axes, tolerance_mm=spacing * steps).surface_dice == 1
    assert measure(one, other, axes, tolerance_mm=spacing * steps - 0.001).surface_dice == 0


@pytest.mark.parametrize(("one", "other"), [(empty(3, 3, 3), cube((0, 0, 0), shape=(3, 3, 3))), (empty(3, 3, 3),) * 2])
def test_where_a_mask_is_empty_nothing_is_defined(one, other):
    assert measure(one, other, (1.0, 1.0, 1.0)) is None
    assert measure(other, one, (1.0, 1.0, 1.0)) is None


def test_an_unknown_connectivity_and_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match="6, 18, 26, not 8"):
        measure(cube((1, 1, 1)), cube((1, 1, 1)), (1.0, 1.0, 1.0), connectivity=8)
    with pytest.raises(ValueError, match="one shape"):
        measure(cube((1, 1, 1)), empty(3, 3, 3), (1.0, 1.0, 1.0))


@st.composite
def masks(draw):
    shape = draw(st.tuples(*[st.integers(1, 7)] * 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    pair = [random.random(shape) < draw(st.floats(0.02, 0.98)) for _ in range(2)]
    for mask in pair:
        mask[tuple(random.integers(shape))] = True
    return pair


@settings(max_examples=60, deadline=None)
@given(masks(), st.tuples(*[st.floats(0.4, 6)] * 3), st.sampled_from(sorted(CONNECTIVITIES)), st.booleans())
def test_distances_are_those_of_every_pair_of_surface_voxels(pair, spacing, connectivity, sheared):
    axes = np.diag(spacing) @ (SHEAR if sheared else np.eye(3)) @ TURN
    assert expected(*pair, axes, connectivity) == measured(*pair, axes, connectivity=connectivity)


@pytest.mark.parametrize("near", [1, 60])
@pytest.mark.parametrize("shear", [np.eye(3), SHEAR])
@pytest.mark.parametrize("inner", [1, 6, 15])
def test_surfaces_far_apart_are_measured_as_those_near(monkeypatch, near, shear, inner):
    """Few and many points beyond all near steps, on axes at right angles and not."""
    monkeypatch.setattr(surface, "_NEAR_VOXELS", near)
    spacing = (2.0, 1.0, 0.9)
    pair = [shell((10, 20, 20), radius, spacing) for radius in (18, inner)]
    axes = np.diag(spacing) @ shear @ TURN
    assert expected(*pair, axes) == measured(*pair, axes)


@pytest.mark.parametrize("sheared", [False, True])
def test_many_points_without_a_near_one_take_a_transform_on_right_angles_only(monkeypatch, sheared):
    calls = []
    transform = surface._transform
    monkeypatch.setattr(surface, "_transform", lambda *args: calls.append(1) or transform(*args))
    spacing = (2.0, 1.0, 0.9)
    axes = np.diag(spacing) @ (SHEAR if sheared else np.eye(3))
    measure(shell((10, 20, 20), 18, spacing), shell((10, 20, 20), 8, spacing), axes)
    assert bool(calls) is not sheared


@pytest.mark.parametrize(("trials", "all_are_far"), [(0, True), (1, False), (1000, False)])
def test_noise_ends_the_search_of_near_steps_early_and_changes_nothing(monkeypatch, trials, all_are_far):
    random, far = np.random.default_rng(0), []
    search = surface._Search._far
    monkeypatch.setattr(surface, "_TRIALS_A_VOXEL", trials)
    monkeypatch.setattr(surface._Search, "_far", lambda self, at, other: far.append(len(at)) or search(self, at, other))
    pair = [random.random((6, 20, 22)) < share for share in (0.3, 0.002)]
    axes = np.diag((2.0, 0.7, 0.9))
    assert expected(*pair, axes) == measured(*pair, axes)
    assert (far == [len(found) for found in distances(*pair, axes)]) is all_are_far


def test_on_strongly_sheared_axes_the_nearest_voxel_may_be_many_steps_away():
    axes = np.array([[0, 0, 1], [0.9, 0.43589, 0], [1, 0, 0]])
    prediction, reference = voxel((5, 10, 15), 0, 0, 12), voxel((5, 10, 15), 4, 0, 13)
    reference[0, 9, 3] = True  # 9 rows and 9 columns away: 4.02 mm; the other is 4 slices and a column away: 4.12 mm
    assert distances(prediction, reference, axes)[0] == pytest.approx([4.02], abs=0.01)
    assert expected(prediction, reference, axes) == measured(prediction, reference, axes)


@lru_cache
def small_pair():
    """Two blobs without any symmetry, their surfaces on and off each other."""
    random = np.random.default_rng(4)
    smooth = [ndimage.gaussian_filter(random.normal(size=(9, 14, 16)), 2) for _ in range(2)]
    return smooth[0] > 0, smooth[0] + 0.4 * smooth[1] > 0


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.booleans())
def test_axis_order_and_flips_do_not_change_a_result(order, flips, sheared):
    axes = np.diag((2.5, 0.8, 0.7)) @ (SHEAR if sheared else np.eye(3))
    flipped = [axis for axis, flip in enumerate(flips) if flip]
    moved = [np.flip(mask.transpose(order), flipped) for mask in small_pair()]
    moved_axes = axes[list(order)] * np.where(flips, -1, 1)[:, None]
    result = asdict(measure(*small_pair(), axes, tolerance_mm=0.8))
    assert result == measured(*moved, moved_axes, tolerance_mm=0.8)


def test_all_48_orientations_of_a_patient_agree():
    axes = np.diag((2.5, 0.8, 0.7))
    results = [
        measure(*(mask.transpose(order)[:: s[0], :: s[1], :: s[2]] for mask in small_pair()), axes[list(order)])
        for order, s in product(permutations(range(3)), product((1, -1), repeat=3))
    ]
    for result in results:
        assert asdict(result) == pytest.approx(asdict(results[0]), rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 20))
def test_millimetres_scale_with_the_spacing(scale):
    spacing = np.array((2.5, 0.8, 0.7))
    once = asdict(measure(*small_pair(), spacing, tolerance_mm=1.0))
    scaled = {name: value if name == "surface_dice" else value * scale for name, value in once.items()}
    assert scaled == measured(*small_pair(), spacing * scale, tolerance_mm=scale)


def test_prediction_and_reference_may_change_places():
    one, other = small_pair()
    assert asdict(measure(one, other, (2.5, 0.8, 0.7))) == measured(other, one, (2.5, 0.8, 0.7))


def test_three_spacings_stand_for_axes_at_right_angles():
    spacing = (2.5, 0.8, 0.7)
    assert asdict(measure(*small_pair(), spacing)) == measured(*small_pair(), np.diag(spacing) @ TURN)


def perturbed(mask, seed):
    """As a model might have drawn it: an edge that wanders by a few voxels."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=mask.shape), (1, 3, 3))
    wander = np.clip(0.2 * noise / noise.std(), -0.4, 0.4)
    return ndimage.gaussian_filter(mask.astype(np.float32), (0.5, 2, 2)) + wander > 0.5


@lru_cache
def lits(volume=22):
    """Labels and spacing of a LiTS patient whose every second slice there is, 3.28 mm apart."""
    folder = SHARED / "lits" / "masks"
    if not folder.is_dir():
        pytest.skip(f"needs the LiTS masks in {folder}")
    paths = sorted(folder.glob(f"volume-{volume}_slice_*.png"), key=lambda path: int(path.stem.split("_")[-1]))
    labels = np.stack([np.asarray(Image.open(path)) for path in paths])
    inside = labels.any(axis=(1, 2))
    return labels[np.flatnonzero(inside)[0] : np.flatnonzero(inside)[-1] + 1], (6.56, 0.9766, 0.9766)


@pytest.fixture
def real(request, name):
    """Prediction, reference and spacing."""
    if name == "coarse liver":
        path = request.getfixturevalue("samples") / "totalsegmentator" / "liver.nii.gz"
        mask, spacing = np.asarray(nibabel.load(path).dataobj).T > 0, (3.0, 3.0, 3.0)
    else:
        labels, spacing = lits()
        mask = labels == 2 if name == "LiTS lesions" else labels > 0
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    near = np.pad(mask[box], 5)
    return perturbed(near, seed=1), near, spacing


def as_monai(prediction, reference):
    return {"y_pred": torch.from_numpy(prediction)[None, None], "y": torch.from_numpy(reference)[None, None]}


@pytest.mark.parametrize("name", MASKS)
def test_figures_are_monais_where_the_surface_is(real, name):
    prediction, reference, spacing = real
    pair = as_monai(prediction, reference) | {"include_background": True, "spacing": spacing}
    result = measure(prediction, reference, spacing, connectivity=6)
    average = compute_average_surface_distance(**pair, symmetric=True).item()
    assert average > 0.2
    assert result.assd_mm == pytest.approx(average, rel=1e-5)
    assert result.hd_mm == pytest.approx(compute_hausdorff_distance(**pair).item(), rel=1e-5)
    assert result.hd95_mm == pytest.approx(compute_hausdorff_distance(**pair, percentile=95).item(), rel=1e-5)
    assert result.surface_dice == pytest.approx(compute_surface_dice(**pair, class_thresholds=[2.0]).item(), rel=1e-5)


@pytest.mark.parametrize("name", MASKS)
def test_figures_are_those_of_two_distance_transforms(real, name):
    prediction, reference, spacing = real
    structure = ndimage.generate_binary_structure(3, 2)
    surfaces = [mask & ~ndimage.binary_erosion(mask, structure) for mask in (prediction, reference)]
    to_prediction, to_reference = (ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in surfaces)
    one, other = to_reference[surfaces[0]], to_prediction[surfaces[1]]
    result = measure(prediction, reference, spacing)
    assert asdict(result) == pytest.approx(summary(one, other, tolerance_mm=2.0))


@pytest.mark.parametrize("name", MASKS)
def test_monais_surface_has_fewer_voxels_than_that_of_lits_and_larger_averages(real, name):
    as_lits, as_monai = (measure(*real, connectivity=connectivity) for connectivity in (18, 6))
    assert 1.1 < as_monai.assd_mm / as_lits.assd_mm < 1.25
    assert 0 < as_lits.surface_dice - as_monai.surface_dice < 0.1


def surfels(prediction, reference, spacing):
    return surface_distance.compute_surface_distances(reference, prediction, spacing)


def surfel_average(found):
    """Over both surfaces, by area."""
    areas = [found["surfel_areas_gt"], found["surfel_areas_pred"]]
    both = [found["distances_gt_to_pred"], found["distances_pred_to_gt"]]
    return np.average(np.concatenate(both), weights=np.concatenate(areas))


@pytest.mark.parametrize("name", MASKS)
def test_surfels_between_voxels_give_other_figures_within_a_voxel(real, name):
    result, found = measure(*real), surfels(*real)
    diagonal = np.linalg.norm(real[2])
    assert result.hd_mm == pytest.approx(surface_distance.compute_robust_hausdorff(found, 100), abs=diagonal)
    assert result.hd95_mm == pytest.approx(surface_distance.compute_robust_hausdorff(found, 95), abs=diagonal / 2)
    assert 0.05 < abs(result.assd_mm / surfel_average(found) - 1) < 0.4
    by_area = surface_distance.compute_surface_dice_at_tolerance(found, 2.0)
    assert 0.001 < abs(result.surface_dice - by_area) < 0.1


@pytest.mark.parametrize("name", MASKS)
def test_packages_rank_a_shift_by_one_slice_as_known(real, name):
    """Surfels give least, LiTS's surface more, MONAI's most: the flat ends, where all the distance is, weigh so."""
    _, reference, spacing = real
    shifted = np.roll(reference, 1, axis=0)
    as_lits, as_monai = (measure(shifted, reference, spacing, connectivity=c).assd_mm for c in (18, 6))
    assert 1.15 < as_monai / as_lits < 1.5
    assert 0.6 < surfel_average(surfels(shifted, reference, spacing)) / as_lits < 0.85
    assert measure(shifted, reference, spacing).hd_mm == pytest.approx(spacing[0])
