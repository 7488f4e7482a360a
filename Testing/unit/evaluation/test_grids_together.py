import numpy as np
import pytest
from support.dicom_slices import ORIGIN, SLICE_MM, placed, plain, write
from support.evaluation_cases import write_values
from support.seg_cases import labels, made, saved

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation import grids, reading
from LiverTumorSegLib.evaluation.case import reference_checksum
from LiverTumorSegLib.evaluation.pairing import EvaluationPair

ON_CT = np.array([0, 1, 2, 2], np.uint8)[labels()]
"""What the segmentation says on all of the CT's slices, seen axially as it is."""


@pytest.fixture
def save(tmp_path):
    """A function that writes ``[k, j, i]``."""
    return lambda name, values, affine: write_values(tmp_path / name, values, affine)


@pytest.fixture
def seg(tmp_path):
    """A function that writes a segmentation of some slices of the labels."""

    def seg(name, *slices):
        chosen = np.isin(np.arange(6), slices or range(6))
        return saved(made(np.where(chosen[:, None, None], labels(), 0)), tmp_path / name)

    return seg


def pair(prediction, reference):
    return reading.read_pair(EvaluationPair("a", "a", prediction, reference))


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_segmentation_is_compared_on_all_of_the_others_grid(seg, save, ending, which):
    other = np.roll(ON_CT, 3, axis=2)
    paths, expected = [seg("a.dcm"), save(f"b{ending}", other, placed())], [ON_CT, other]
    found = pair(paths[which], paths[1 - which])
    assert np.array_equal(found.prediction, expected[which])
    assert np.array_equal(found.reference, expected[1 - which])
    assert found.affine == pytest.approx(placed(), abs=1e-4)
    assert not any("put on the reference's grid" in sentence for sentence in found.warnings)
    assert grids.SLICES_FROM_FIRST_MARKED not in found.warnings


def test_two_segmentations_are_compared_on_what_both_cover(seg):
    found = pair(seg("a.dcm", 1, 2), seg("b.dcm", 2, 4))
    assert np.array_equal(found.prediction, np.where(np.isin(np.arange(1, 5), [1, 2])[:, None, None], ON_CT[1:5], 0))
    assert np.array_equal(found.reference, np.where(np.isin(np.arange(1, 5), [2, 4])[:, None, None], ON_CT[1:5], 0))
    assert found.affine == pytest.approx(placed(origin=ORIGIN + np.array([0, 0, SLICE_MM])))
    assert grids.SLICES_FROM_FIRST_MARKED in found.warnings


def test_a_segmentation_that_reaches_beyond_a_whole_grid_is_refused(seg, save):
    with pytest.raises(UserError, match="does not lie on the grid of its reference"):
        pair(seg("a.dcm"), save("b.nii", ON_CT[:4], placed()))


def test_nifti_on_a_part_of_the_grid_is_refused_as_ever(save):
    part = save("a.nii", ON_CT[1:5], placed(origin=ORIGIN + np.array([0, 0, SLICE_MM])))
    with pytest.raises(UserError, match="does not lie on the grid of its reference"):
        pair(part, save("b.nii", ON_CT, placed()))


def test_voxels_between_those_of_the_other_are_refused(seg, save):
    with pytest.raises(UserError, match="does not lie on the grid of its reference"):
        pair(seg("a.dcm"), save("b.nii", ON_CT, placed(origin=ORIGIN + np.array([0, 0.3, 0]))))


def test_the_ct_is_shown_where_the_masks_are(seg, tmp_path):
    write(plain(), tmp_path / "ct")
    found = pair(seg("a.dcm", 1, 2), seg("b.dcm", 2, 4))
    whole = pair(seg("c.dcm"), seg("d.dcm"))
    image = reading.read_image(tmp_path / "ct", found)
    assert image.shape == found.reference.shape
    assert np.array_equal(image, reading.read_image(tmp_path / "ct", whole))
    assert image.std() > 0


def test_a_reference_has_one_checksum_whatever_it_is_compared_with(seg, save):
    reference = seg("r.dcm", 2)
    sums = {
        reference_checksum(pair(path, reference))
        for path in (seg("a.dcm"), seg("b.dcm", 2), save("c.nii", ON_CT, placed()))
    }
    assert len(sums) == 1
    assert reference_checksum(pair(reference, seg("d.dcm", 4))) not in sums
