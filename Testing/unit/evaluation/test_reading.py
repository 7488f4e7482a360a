from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from support.evaluation_cases import write_values
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation.label_pair import LabelPair
from LiverTumorSegLib.evaluation.pairing import EvaluationPair
from LiverTumorSegLib.evaluation.reading import read_image, read_pair, read_values
from LiverTumorSegLib.io import itk

AFFINE = np.array([[-0.8, 0, 0, 40], [0, -0.9, 0, 60], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
"""Of axial slices as LabelPair wants them: rows to the back, columns to the left."""

ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]
SHAPE = (3, 5, 7)


def labels(seed, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 3, SHAPE).astype(dtype)


def oblique():
    turn = nibabel.affines.from_matvec(nibabel.eulerangles.euler2mat(0.2, -0.1, 0.3))
    return turn @ AFFINE


def sheared():
    affine = AFFINE.copy()
    affine[1, 2] = 0.9
    return affine


@pytest.fixture
def save(tmp_path):
    """A function that writes ``[k, j, i]``."""
    return lambda name, values, affine=AFFINE: write_values(tmp_path / name, values, affine)


@pytest.fixture
def read(save, tmp_path):
    """A function that writes a prediction and a reference and reads them."""

    def read(prediction, reference=None, affine=AFFINE, reference_affine=AFFINE, ending=".nii", **options):
        one = save(f"p{ending}", prediction, affine)
        other = save(f"r{ending}", labels(2) if reference is None else reference, reference_affine)
        return read_pair(EvaluationPair("a", "a", one, other), **options)

    return read


def assert_same(pair, other):
    assert np.array_equal(pair.prediction, other.prediction)
    assert np.array_equal(pair.reference, other.reference)
    assert pair.affine == pytest.approx(other.affine, abs=1e-4)


@pytest.mark.parametrize(
    ("affine", "ending"),
    [(AFFINE, ".nii"), (oblique(), ".nii"), (sheared(), ".nii"), (sheared(), ".nrrd")],
    ids=["axial", "oblique", "sheared", "sheared NRRD"],
)
@pytest.mark.parametrize("which", ["prediction", "reference"])
def test_all_48_orders_of_either_file_give_one_pair(read, affine, ending, which):
    expected = LabelPair(labels(1), labels(2), affine)
    for order in ORDERS:
        files = {"prediction": Volume(labels(1), affine), "reference": Volume(labels(2), affine)}
        files[which] = reordered(files[which], *order)
        one, other = files.values()
        found = read(one.voxels, other.voxels, one.affine, other.affine, ending)
        assert_same(found, expected)
        assert found.warnings == ()
        assert found.prediction.dtype == found.reference.dtype == np.uint8
        assert found.prediction.flags.c_contiguous
        assert found.reference.flags.c_contiguous


def test_a_file_in_ras_order_is_turned_by_hand(read):
    values = labels(1)
    found = read(values, values, np.diag([1, 1, 2, 1.0]), np.diag([1, 1, 2, 1.0]))
    assert np.array_equal(found.reference, values[:, ::-1, ::-1])  # to the back and to the left
    assert found.affine == pytest.approx(np.array([[-1, 0, 0, 6], [0, -1, 0, 4], [0, 0, 2, 0], [0, 0, 0, 1]]))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".seg.nrrd", ".nhdr", ".mha", ".mhd"])
def test_every_format_is_read(read, ending):
    assert_same(read(labels(1), ending=ending), LabelPair(labels(1), labels(2), AFFINE))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int16, np.int32, np.uint64, np.int64, ">i2"])
def test_every_integer_is_read(read, dtype):
    assert_same(read(labels(1, dtype), labels(2, dtype)), LabelPair(labels(1), labels(2), AFFINE))


def test_scaled_integers_are_labels_after_their_scaling(tmp_path, save):
    image = nibabel.Nifti1Image(labels(1, np.float64).transpose(2, 1, 0), AFFINE)
    image.set_data_dtype(np.int16)  # nibabel then stores them with a slope far from 1
    nibabel.save(image, tmp_path / "p.nii")
    assert nibabel.load(tmp_path / "p.nii").dataobj.slope != 1
    found = read_pair(EvaluationPair("a", "a", tmp_path / "p.nii", save("r.nii", labels(2))))
    assert_same(found, LabelPair(labels(1), labels(2), AFFINE))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_floating_point_mask_is_refused_unless_it_is_asked_for(read, dtype):
    for files in ((labels(1, dtype), labels(2)), (labels(1), labels(2, dtype))):
        with pytest.raises(UserError, match=r"\.nii stores floating-point numbers, .* use --accept-float\.$"):
            read(*files)
        assert_same(read(*files, accept_float=True), LabelPair(labels(1), labels(2), AFFINE))


@pytest.mark.parametrize("wrong", [0.5, 1.004, np.nan, np.inf])
def test_floating_point_numbers_must_be_whole(read, wrong):
    values = labels(1, np.float32)
    values[1, 2, 3] = wrong
    with pytest.raises(UserError, match=r"p\.nii holds numbers that are not whole, so they cannot be labels"):
        read(values, accept_float=True)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([3], r"\(3\)"),
        ([4, -1], r"\(-1, 4\)"),
        ([255], r"\(255\)"),
        (range(10, 20), r"\(10, 11, 12, 13, 14 and others\)"),
    ],
)
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_other_labels_are_named(read, values, named, dtype):
    wrong = labels(1, dtype)
    wrong[1:].flat[: len(values)] = values
    for files, name in (((wrong, labels(2)), "p"), ((labels(1), wrong), "r")):
        with pytest.raises(UserError, match=rf"{name}\.nii holds labels other than .* lesion {named}: ") as caught:
            read(*files, accept_float=True)
        assert "\n" not in str(caught.value)


def test_an_8_bit_label_is_not_wrapped_around(read):
    with pytest.raises(UserError, match=r"\(257\)"):
        read(labels(1, np.int16) * np.int16(257) % 514)


@pytest.mark.parametrize(
    ("prediction", "affine", "named"),
    [
        (labels(1)[1:], AFFINE, r"\(size 7 × 5 × 2 and not 7 × 5 × 3\)"),
        (labels(1), AFFINE @ np.diag([1, 1, 2, 1]), r"\(spacing 0\.8 × 0\.9 × 5 and not 0\.8 × 0\.9 × 2\.5 mm\)"),
        (labels(1), AFFINE + np.diag([0, 0, 2.5], 1), r"origin 2\.5 mm away"),
        (labels(1), oblique(), r"axes turned by \d+\.\d°"),
    ],
)
def test_another_grid_is_refused_with_what_differs(read, prediction, affine, named):
    with pytest.raises(
        UserError, match=rf"p\.nii does not lie on the grid of its reference \(.*{named[2:]}.*--resample"
    ):
        read(prediction, affine=affine)


@pytest.mark.parametrize("target", [AFFINE, oblique(), sheared()], ids=["axial", "oblique", "sheared"])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_prediction_on_another_grid_is_resampled_on_wish_as_simpleitk_does(read, target, ending):
    coarse = np.random.default_rng(3).integers(0, 3, (4, 6, 5)).astype(np.uint8)
    own = AFFINE @ np.diag([1.31, 0.77, 0.83, 1])
    own[:3, 3] += (0.31, -0.17, 0.23)
    onto = itk.array_to_image(labels(2), target), sitk.Transform(), sitk.sitkNearestNeighbor
    expected = sitk.Resample(itk.array_to_image(coarse, own), *onto)
    outside = sitk.GetArrayFromImage(sitk.Resample(itk.array_to_image(np.ones_like(coarse), own), *onto)) == 0
    for order in (((0, 1, 2), (False, False, False)), ((2, 0, 1), (True, False, True))):
        file = reordered(Volume(coarse, own), *order)
        found = read(file.voxels, labels(2), file.affine, target, ending, resample=True)
        assert_same(found, LabelPair(sitk.GetArrayFromImage(expected), labels(2), target))
        moved, missed = found.warnings
        assert moved.startswith("The prediction was put on the reference's grid by nearest neighbour: it had size 5")
        assert missed.startswith(f"{np.count_nonzero(labels(2)[outside])} of the reference's ")


def moved(z):
    affine = AFFINE.copy()
    affine[2, 3] += z
    return affine


@pytest.mark.parametrize(
    ("prediction", "affine", "advice"),
    [
        (labels(1)[1:], moved(2.5), "use --resample to put it there."),
        (labels(1)[2:], moved(5), "use --resample to put it there, or is it another patient?"),
        (
            labels(1),
            moved(2),
            "if the voxels are the same and its header was lost, use --resample if it is truly another grid.",
        ),
        (labels(1), moved(50), "if it is truly another grid, or is it another patient?"),
    ],
)
def test_the_advice_about_another_grid_fits_what_differs(read, prediction, affine, advice):
    with pytest.raises(UserError) as caught:
        read(prediction, affine=affine)
    assert str(caught.value).endswith(advice)
    assert "\n" not in str(caught.value)


def test_what_the_predictions_grid_does_not_reach_is_background_and_said(read):
    reference = np.zeros(SHAPE, np.uint8)
    reference[0, 0, :3], reference[2, :, 0] = 1, 2
    ones = np.ones(SHAPE, np.uint8)
    found = read(ones, reference, affine=moved(2.5), resample=True)
    assert np.array_equal(found.prediction[0], np.zeros(SHAPE[1:]))
    assert np.array_equal(found.prediction[1:], ones[1:])
    assert found.warnings[1:] == (
        "3 of the reference's 8 marked voxels (37.5%) lie outside of the prediction's grid and count as missed.",
    )
    assert len(read(ones, 0 * reference, affine=moved(2.5), resample=True).warnings) == 1


def test_values_are_taken_as_given_for_either_file(read):
    own, other = labels(1), labels(2)
    stored = np.array([0, 5, 7], np.uint8)[own]
    organs = np.where(other == 0, 117, np.where(other == 1, 6, 9)).astype(np.int16)
    found = read(stored, organs, prediction_values={5: 1, 7: 2}, reference_values={6: 1, 9: 2})
    assert_same(found, LabelPair(own, other, AFFINE))
    assert found.warnings == ()


def test_names_of_segments_decide_for_either_file(tmp_path, save):
    image = itk.array_to_image(np.array([0, 2, 1], np.uint8)[labels(1)], AFFINE)
    for number, (name, value) in enumerate({"tumor": "1", "liver": "2"}.items()):
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", value)
    path = tmp_path / "a.seg.nrrd"
    sitk.WriteImage(image, str(path))
    sentence = "labels were taken from the names of its segments (tumor 1, liver 2)."
    found = read_pair(EvaluationPair("a", "a", path, save("r.nii", labels(2))))
    assert_same(found, LabelPair(labels(1), labels(2), AFFINE))
    assert found.warnings == (f"Prediction: {sentence}",)
    found = read_pair(EvaluationPair("a", "a", save("p.nii", labels(2)), path))
    assert_same(found, LabelPair(labels(2), labels(1), AFFINE))
    assert found.warnings == (f"Reference: {sentence}",)


def test_one_grid_is_not_resampled_on_wish(read):
    found = read(labels(1), resample=True)
    assert_same(found, LabelPair(labels(1), labels(2), AFFINE))
    assert found.warnings == ()


def test_doubts_about_the_files_are_handed_on(tmp_path, save):
    image = nibabel.Nifti1Image(labels(1).transpose(2, 1, 0), None)
    nibabel.save(image, tmp_path / "p.nii")
    pair = read_pair(EvaluationPair("a", "a", tmp_path / "p.nii", tmp_path / "p.nii"))
    assert [sentence.split(":")[0] for sentence in pair.warnings[:2]] == ["Reference", "Prediction"]
    assert "does not say how the patient lies" in pair.warnings[0]
    assert pair.warnings[-1] == "Prediction and reference are the same file."


def test_probabilities_come_to_the_pairs_grid(save, read):
    pair = read(labels(1))
    probabilities = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    for order in ORDERS[::7]:
        file = reordered(Volume(probabilities, AFFINE), *order)
        found = read_values(save("q.nii.gz", file.voxels, file.affine), pair)
        assert np.array_equal(found, probabilities)
        assert found.dtype == np.float32


def test_scaled_probabilities_are_read_and_their_rounding_is_clipped(save, read, tmp_path):
    image = nibabel.Nifti1Image((labels(1) * 127).transpose(2, 1, 0), AFFINE)
    image.header.set_slope_inter(1.0005 / 254, 0)
    (tmp_path / "q.nii").write_bytes(image.to_bytes())
    found = read_values(tmp_path / "q.nii", read(labels(1)))
    assert found == pytest.approx(labels(1) / 2, abs=1e-3)
    assert found.max() == 1


@pytest.mark.parametrize("wrong", [1.01, -0.01, np.nan, np.inf])
def test_what_is_no_probability_is_refused(save, read, wrong):
    values = np.zeros(SHAPE, np.float32)
    values[1, 2, 3] = wrong
    with pytest.raises(UserError, match=r"q\.nii holds numbers outside 0 to 1"):
        read_values(save("q.nii", values), read(labels(1)))


def test_probabilities_and_cts_on_another_grid_are_resampled_on_wish_only(save, read):
    pair = read(labels(1))
    up = AFFINE.copy()
    up[2, 3] += 2.5
    ct = np.random.default_rng(0).integers(-900, 900, SHAPE).astype(np.int16)
    ones = np.ones(SHAPE, np.float32)
    for reader, name, values in ((read_values, "q.nii", ones), (read_image, "ct.nii", ct)):
        path = save(name, values, up)
        with pytest.raises(UserError, match=rf"{name} does not lie on .* \(origin 2\.5 mm away\): .* use --resample"):
            reader(path, pair)
        found = reader(path, pair, resample=True)
        assert np.array_equal(found[1:], values[:-1])
        assert np.unique(found[0]).tolist() == [0 if reader is read_values else -1000]


def test_a_ct_comes_in_hounsfield_units_whether_or_not_it_looks_like_one(save, read, tmp_path):
    pair = read(labels(1))
    positive = np.random.default_rng(0).integers(1000, 1100, SHAPE).astype(np.int16)
    assert np.array_equal(read_image(save("a.nrrd", positive), pair), positive)
    image = nibabel.Nifti1Image(positive.astype(np.uint16).transpose(2, 1, 0), AFFINE)
    image.header.set_slope_inter(1, -1024)
    (tmp_path / "b.nii").write_bytes(image.to_bytes())
    found = read_image(tmp_path / "b.nii", pair)
    assert np.array_equal(found, positive - 1024)
    assert found.dtype == np.int16


def test_a_file_that_is_gone_is_named(save, tmp_path):
    with pytest.raises(UserError, match=r"gone\.nii does not exist"):
        read_pair(EvaluationPair("a", "a", tmp_path / "gone.nii", save("r.nii", labels(1))))
