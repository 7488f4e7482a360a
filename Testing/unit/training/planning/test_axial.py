import pytest
from support.fingerprints import fingerprint_of

from LiverTumorSegLib.training.planning.axial import axial_slices, axial_volumes, square_of
from LiverTumorSegLib.training.planning.plans import plan

THICK, THIN = ((40, 300, 320), (5.0, 0.8, 0.8)), ((500, 300, 400), (0.5, 0.8, 0.8))
STORED = (2, 0, 1)
"""Slices last in the file, as of a CT that was stored otherwise."""


def stored(case, axes=STORED):
    """Shape and spacing of slices, rows and columns, along the axes that a file has."""
    return tuple(tuple(values[axes.index(axis)] for axis in range(3)) for values in case)


def test_a_plan_for_cts_stored_along_other_axes_is_that_of_axial_slices():
    usual, turned = plan(fingerprint_of(THICK)), plan(fingerprint_of(stored(THICK), axes=STORED))
    assert (usual.transpose, turned.transpose) == ((0, 1, 2), (2, 0, 1))
    for volumes, slices in ((axial_volumes(one, "3d_fullres"), axial_slices(one)) for one in (usual, turned)):
        assert (volumes.patch, volumes.spacing) == ([32, 224, 256], [5.0, 0.8, 0.8])
        assert volumes.network["strides"][1] == [1, 2, 2]
        assert volumes.turning == {"rotation": 30, "tilt": 0}
        assert (slices.patch, slices.spacing, slices.remark) == ([320, 320], [0.8, 0.8], "")


def test_volumes_keep_the_order_of_slices_rows_and_columns_where_slices_are_not_the_coarsest():
    found = plan(fingerprint_of(THIN))
    assert found.transpose == (1, 0, 2)
    seen = axial_volumes(found, "3d_fullres")
    patch = found.configurations["3d_fullres"].patch
    assert seen.spacing == [0.5, 0.8, 0.8]
    assert seen.patch == [patch[1], patch[0], patch[2]]
    assert seen.turning == {"rotation": 30, "tilt": 30}


def test_slices_are_planned_anew_where_nnu_nets_are_not_axial():
    found = plan(fingerprint_of(THIN))
    assert found.configurations["2d"].spacing == (0.5, 0.8)
    seen = axial_slices(found)
    assert (seen.spacing, seen.patch) == ([0.8, 0.8], [320, 448])
    assert "nnU-Net's own slices are not axial" in seen.remark


def test_cts_along_other_axes_than_most_are_told_of():
    found = fingerprint_of(THICK, THICK, THICK, axes=((0, 1, 2), STORED, (0, 1, 2)))
    seen = axial_volumes(plan(found), "3d_fullres")
    assert seen.spacing == [5.0, 0.8, 0.8]
    assert seen.remark == "1 of the CTs are stored along other axes than most, which nnU-Net takes for the same."


def test_a_square_shows_all_of_an_oblong_patch_in_no_more_memory():
    chosen = axial_slices(plan(fingerprint_of(*[((100, 200, 400), (5.0, 0.8, 0.8))] * 20)))
    square = square_of(chosen)
    assert chosen.patch == [224, 448]
    assert (square.side, square.spacing) == (448, 0.8)
    assert square.batch * 448**2 <= chosen.chosen.batch * 224 * 448


def test_pixels_that_are_not_square_become_so():
    square = square_of(axial_slices(plan(fingerprint_of(((20, 64, 64), (5.0, 0.5, 0.8))))))
    assert square.spacing == pytest.approx((0.5 * 0.8) ** 0.5)


def test_a_square_is_no_larger_than_a_crop_may_be():
    seen = axial_slices(plan(fingerprint_of(((100, 1500, 1500), (5.0, 0.2, 0.2))), memory_gb=80))
    assert seen.patch == [1536, 1536]
    assert square_of(seen).side == 1024
